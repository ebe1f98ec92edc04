# snippets.awk - takes a page or a header apart for tools/snippets, which says what the rules are.
#
# -v page=NAME -v parts=FOLDER.  Into the folder: page.c (all fragments), page.out; program_LINE.c, compile_LINE.c (those with a main);
# LINE.sh and LINE.out; skipped.sh; files/NAME.

function write(file, text) { printf "%s", text > file; close(file) }
function add(text, outside) { if (outside) functions = functions text; else body = body text }
function check(line) { body = body "snippet_check(" line ");\n" }

function end_section(line) {
    if (open) { check(line); body = body "}\n" }
    open = 0
}

function begin_section() {
    if (!open) body = body "\nstatic void section_" ++sections "(void)\n{\n    TP_SCOPE;\n" usual
    open = 1
}

function take_c(text, line, outside) {
    if (text ~ /(^|\n)int main\(/) {
        write(sprintf("%s/%s_%04d.c", parts, mark == "compile" ? "compile" : "program", line), "#line " line " \"" page "\"\n" text)
        return
    }
    if (!outside) begin_section()
    add("#line " line " \"" page "\"\n" text, outside)
    printing = parts "/page.out"
}

function take_shell(text, line,   file) {
    file = sprintf("%s/%04d", parts, line)
    write(file ".sh", before text)
    before = ""
    printing = file ".out"
}

function take(kind, text, line) { # a whole block
    if (mark == "file") write(parts "/files/" name, text)
    else if (mark == "skip") { if (kind == "sh") printf "%s", text > (parts "/skipped.sh"); printing = "" }
    else if (kind == "c" || kind == "c function") take_c(text, line, kind == "c function")
    else if (kind == "sh") take_shell(text, line)
    else if (kind == "text" && printing) printf "%s", text > printing
    else printing = ""
    mark = ""
}

function take_row(line,   code, text) { # the C of a row's last column
    gsub(/\\\|/, "\001", line); sub(/[ \t]*\|[ \t]*$/, "", line); sub(/.*\|/, "", line); gsub("\001", "|", line)
    while (match(line, /`[^`]+`/)) {
        code = substr(line, RSTART + 1, RLENGTH - 2)
        line = substr(line, RSTART + RLENGTH)
        if (code ~ /[;}]$/) text = text " " code
        else if (code ~ /\(/) text = text " (void)(" code ");"
    }
    if (text == "") return
    begin_section()
    body = body "#line " NR " \"" page "\"\n    { TP_SCOPE;" text " }\n"
    check(NR)
}

BEGIN {
    header = page ~ /\.h$/
    if (header)
        usual = "    __attribute__((unused)) tp_module *net = tp_nn_linear(4, 3);\n" \
                "    __attribute__((unused)) tp_optim *adam = tp_adam(tp_parameters(net));\n" \
                "    __attribute__((unused)) tp_tensor *x = tp_ones(TP_SHAPE(2, 4)), *labels = tp_from_list(\"[0, 2]\");\n"
}

# A header: what stands indented in comments.
header && /^ \*     / { if (text == "") first = NR; text = text held substr($0, 8) "\n"; held = ""; next }
header && /^ \*$/ { if (text != "") held = held "\n"; next }
header {
    if (text != "") { take("c", text, first); end_section(NR) }
    text = held = ""
    next
}

# A page.
hidden != "" {
    if ($0 !~ /^-->/) { text = text $0 "\n"; next }
    if (hidden == "sh") { before = text; stands = first }
    else take_c(text, first, hidden == "c function")
    hidden = ""
    next
}
fence != "" {
    if ($0 ~ /^```/) { take(fence, text, first); fence = "" }
    else text = text $0 "\n"
    next
}
indented {
    if (/^    /) { text = text substr($0, 5) "\n"; next }
    take("sh", text, first)
    indented = 0
}
/^```/ { fence = length($0) > 3 ? substr($0, 4) : "other"; text = ""; first = NR + 1; next }
/^<!-- (sh|c|c function)$/ { hidden = substr($0, 6); text = ""; first = NR + 1; next }
/^<!-- snippet: / { mark = $3; name = $4; next }
mark == "table" && /^\|/ { if (++rows > 2) take_row($0); next }
mark == "table" && rows { mark = ""; rows = 0 }
blank && /^    (build\/)?taper / { indented = 1; text = substr($0, 5) "\n"; first = NR }
/^## / { end_section(NR) }
{
    blank = $0 == ""
    for (line = $0; match(line, /`taper [a-z][^`]*`/); line = substr(line, RSTART + RLENGTH)) # a command that is only mentioned
        print substr(line, RSTART + 1, RLENGTH - 2) > (parts "/skipped.sh")
}

END {
    if (indented) take("sh", text, first)
    if (before != "") take_shell("", stands)
    end_section(NR)
    if (body functions == "") exit
    for (i = 1; i <= sections; i++) calls = calls "    section_" i "();\n"
    write(parts "/page.c", "/* From " page ", by tools/snippets. */\n" \
          "#include <taper/dlpack.h>\n#include <taper/taper.h>\n#include <math.h>\n#include <stdlib.h>\n#include <string.h>\n\n" \
          "__attribute__((unused)) static void snippet_check(int line)\n{\n    if (!tp_error_pending())\n        return;\n" \
          "    fprintf(stderr, \"" page ":%d: an error is pending here: \", line);\n    exit(tp_report_error(stderr));\n}\n\n" \
          functions body "\nint main(void)\n{\n" calls "    return tp_report_error(stderr);\n}\n")
}
