/* report_page.c - writing html: escaping, numbers, the head of the page with its style.
 *
 * All the report's looks are in the style sheet here; nothing is fetched from anywhere, which the page's policy forbids besides.
 * Layer: train.  Depends on io/file.h.  Read next: report.c. */
#include "base/error.h"
#include "base/memory.h"
#include "plot/plot.h"
#include "train/report.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

void page_bytes(report_page *p, const char *text, size_t size)
{
    if (!p->failed && file_bytes_append(&p->html, text, size))
        p->failed = true;
}

void page_put(report_page *p, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0)
        return;
    if ((size_t)n < sizeof text) {
        page_bytes(p, text, (size_t)n);
        return;
    }
    char *longer = tp_alloc((size_t)n + 1);
    if (!longer) {
        p->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(longer, (size_t)n + 1, format, args);
    va_end(args);
    page_bytes(p, longer, (size_t)n);
    tp_free(longer, (size_t)n + 1);
}

static void put_byte(report_page *p, char c)
{
    switch (c) {
    case '<': page_bytes(p, "&lt;", 4); break;
    case '>': page_bytes(p, "&gt;", 4); break;
    case '&': page_bytes(p, "&amp;", 5); break;
    case '"': page_bytes(p, "&quot;", 6); break;
    case '\'': page_bytes(p, "&#39;", 5); break;
    default:
        if ((unsigned char)c >= 32 || c == '\n' || c == '\t')
            page_bytes(p, &c, 1);
    }
}

void page_text(report_page *p, const char *text)
{
    for (; text && *text; text++)
        put_byte(p, *text);
}

void page_cut(report_page *p, const char *text, int letters)
{
    for (int n = 0; text && *text; text++) {
        if ((*text & 0xC0) != 0x80 && n++ == letters) {
            page_put(p, "…");
            return;
        }
        put_byte(p, *text);
    }
}

void page_count(report_page *p, int64_t n)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%lld", (long long)n);
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0 && text[i - 1] != '-' && size > 4)
            page_put(p, "\u202f");
        page_bytes(p, &text[i], 1);
    }
}

void page_base64(report_page *p, const void *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = data;
    for (size_t i = 0; i < size; i += 3) {
        size_t n = size - i < 3 ? size - i : 3;
        uint32_t bits =
            (uint32_t)from[i] << 16 | (n > 1 ? (uint32_t)from[i + 1] << 8 : 0) | (n > 2 ? from[i + 2] : 0);
        char four[4] = { digits[bits >> 18], digits[bits >> 12 & 63], n > 1 ? digits[bits >> 6 & 63] : '=',
                         n > 2 ? digits[bits & 63] : '=' };
        page_bytes(p, four, sizeof four);
    }
}

void page_percent(report_page *p, double share, int decimals)
{
    if (isfinite(share))
        page_put(p, "%.*f\u202f%%", decimals, 100 * share);
    else
        page_put(p, "–");
}

void page_missing(report_page *p, const char *what)
{
    char why[WHY] = "";
    if (tp_error_take(why, sizeof why) == TP_ERR_MEMORY)
        p->failed = true;
    page_put(p, "<p class=\"missing\">%s%s", what, *why ? ": " : "");
    page_text(p, why);
    page_put(p, ".</p>\n");
}

void page_amount(report_page *p, double x)
{
    static const char *const units[] = { "", "\u202fK", "\u202fM", "\u202fG", "\u202fT" };
    int unit = 0;
    for (; x >= 1000 && unit < 4; unit++)
        x /= 1000;
    page_put(p, unit ? "%.3g%s" : "%.0f%s", x, units[unit]);
}

void page_table(report_page *p, const char *label, const char *heads)
{
    page_put(p, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"");
    page_text(p, label);
    page_put(p, "\"><table>\n");
    if (heads && !*heads)
        return;
    for (const char *head = heads; head; head = *head ? head + 1 : NULL) {
        const int n = (int)strcspn(head, "|");
        page_put(p, head == heads ? "<thead><tr>" : "");
        if (!n || *head == '-')
            page_put(p, "<td%s></td>", n ? " class=\"bar\"" : "");
        else if (*head == '#')
            page_put(p, "<th scope=\"col\" class=\"n\">%.*s</th>", n - 1, head + 1);
        else
            page_put(p, "<th scope=\"col\">%.*s</th>", n, head);
        head += n;
        page_put(p, *head ? "" : "</tr></thead>\n");
    }
    page_put(p, "<tbody>\n");
}

void page_table_end(report_page *p)
{
    page_put(p, "</tbody></table></div>\n");
}

void page_duration(report_page *p, double s)
{
    int64_t whole = (int64_t)(s + 0.5);
    if (s < 10)
        page_put(p, "%.1f s", s);
    else if (whole < 60)
        page_put(p, "%lld s", (long long)whole);
    else if (whole < 3600)
        page_put(p, "%lld min %02lld s", (long long)(whole / 60), (long long)(whole % 60));
    else
        page_put(p, "%lld h %02lld min", (long long)(whole / 3600), (long long)(whole / 60 % 60));
}

void page_shell_word(report_page *p, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+:@%=,";
    if (*word && word[strspn(word, plain)] == 0) {
        page_text(p, word);
        return;
    }
    page_text(p, "'");
    for (; *word; word++)
        if (*word == '\'')
            page_text(p, "'\\''");
        else
            put_byte(p, *word);
    page_text(p, "'");
}

static const char style[] =
    ":root{color-scheme:light dark;--bg:#fff;--fg:#1b1d21;--soft:#5c6470;--line:#e1e4e8;"
    "--panel:#f4f5f7;--a:#2563b8;--best:#e3f2e8}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#15171a;--fg:#e6e8eb;--soft:#98a1ad;"
    "--line:#30353c;--panel:#1d2024;--a:#6ea8f2;--best:#1c3326}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,-apple-system,"
    "\"Segoe UI\",Roboto,sans-serif;font-variant-numeric:tabular-nums;"
    "-webkit-text-size-adjust:100%}\n"
    "body>*{max-width:960px;margin:0 auto;padding:0 20px}body>header{padding-top:32px}\n"
    "h1{font-size:1.75rem;line-height:1.2;margin:0;font-weight:650;letter-spacing:-.01em;"
    "overflow-wrap:anywhere}\n"
    "h2{font-size:1.15rem;margin:44px 0 12px;font-weight:620;padding-top:14px;"
    "border-top:1px solid var(--line)}h3{font-size:1rem;margin:20px 0 8px;font-weight:620}\n"
    "p{margin:8px 0}.soft,.missing,figcaption{color:var(--soft)}.missing{font-style:italic}"
    "p{overflow-wrap:anywhere}\n"
    "code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.875rem}\n"
    "pre{background:var(--panel);padding:12px 14px;border-radius:6px;overflow-x:auto;margin:8px 0}\n"
    ".copy{user-select:all;-webkit-user-select:all}.written{white-space:pre-wrap;max-height:32em;"
    "overflow-y:auto}\n"
    ":focus-visible{outline:2px solid var(--a);outline-offset:2px;border-radius:2px}\n"
    ".head{display:flex;flex-wrap:wrap;gap:16px 48px;align-items:flex-start;margin-top:20px}"
    ".head dl{flex:1 1 300px}\n"
    ".big{font-size:3.5rem;line-height:1;font-weight:650;letter-spacing:-.03em;margin-bottom:6px}\n"
    "dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(132px,1fr));gap:10px 16px;"
    "margin:0}dt{color:var(--soft);font-size:.8125rem}dd{margin:0;font-size:1.125rem}\n"
    ".wide{overflow-x:auto}.narrow{max-width:560px}\n"
    "table{border-collapse:collapse;width:100%;font-size:.875rem}\n"
    "th{font-weight:600;text-align:left;color:var(--soft)}th[scope=row]{font-weight:400;"
    "color:inherit}\n"
    "th,td{padding:4px 14px 4px 0;border-bottom:1px solid var(--line);vertical-align:top}\n"
    "th:last-child,td:last-child{padding-right:0}.n{text-align:right;white-space:nowrap}\n"
    "th.k{color:var(--soft);width:1%}.v{overflow-wrap:anywhere}\n"
    "td.bar{min-width:90px;width:30%;vertical-align:middle}.bar i{display:block;height:8px;"
    "border-radius:2px;background:var(--a)}\n"
    ".grid,.cards{display:flex;flex-wrap:wrap;gap:24px 28px}.grid figure{flex:1 1 320px;"
    "max-width:446px}\n"
    ".cards{gap:18px 16px}.cards figure{width:101px}.rows figure{width:210px;"
    "overflow-wrap:anywhere;font-size:.875rem}.small{gap:10px 8px}.small figure{width:108px}\n"
    ".tiles{display:flex;flex-wrap:wrap;gap:8px}.tiles svg{border-radius:2px}\n"
    "figure{margin:0}figcaption{font-size:.8125rem;line-height:1.4;margin-top:4px;"
    "overflow-wrap:anywhere}figcaption b{color:var(--fg)}\n"
    "body:has(.runs)>*{max-width:1240px}:has(.runs) .grid figure{flex-basis:420px;max-width:604px}"
    "svg{display:block;max-width:100%}.plot{width:100%;height:auto}\n"
    ".pixels image{image-rendering:pixelated}.pixels{width:100%;height:auto;border-radius:3px;"
    "border:1px solid var(--line)}\n"
    "summary{cursor:pointer;color:var(--soft);margin:12px 0}\n"
    ".runs td,.runs th{padding-left:6px;padding-right:10px}.runs .best{background:var(--best);"
    "font-weight:650}.runs thead th{vertical-align:bottom;white-space:normal}"
    ".runs td.v{min-width:7em;max-width:22em}.runs th:first-child{position:sticky;left:0;"
    "background:var(--bg);white-space:nowrap}\n"
    "th button{font:inherit;color:inherit;background:none;border:0;padding:0;text-align:inherit;"
    "cursor:pointer}th button::after{content:\"\\2195\";opacity:.45;padding-left:3px}"
    "[aria-sort=ascending] button::after{content:\"\\2191\";opacity:1}"
    "[aria-sort=descending] button::after{content:\"\\2193\";opacity:1}\n"
    "body>footer{padding-top:48px;padding-bottom:64px;color:var(--soft);font-size:.8125rem}\n"
    "@media(max-width:520px){body>*{padding:0 14px}body>header{padding-top:20px}"
    ".big{font-size:2.75rem}.bar{display:none}}\n"
    "@media print{h2,h3{break-after:avoid}figure,tr,pre{break-inside:avoid}.wide,"
    "pre{overflow:visible}pre{white-space:pre-wrap}.written{max-height:none}"
    "*{print-color-adjust:exact;-webkit-print-color-adjust:exact}body>*{max-width:none}}\n";

void page_begin(report_page *p, const char *title, const char *script, const char *hash)
{
    page_put(p, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                "'unsafe-inline'; img-src data:; ");
    if (script)
        page_put(p, "script-src 'sha256-%s'; ", hash);
    page_put(p, "base-uri 'none'; form-action 'none'\">\n"
                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    page_text(p, title);
    page_put(p, "</title>\n<style>\n");
    page_bytes(p, style, sizeof style - 1);
    page_bytes(p, plot_style, strlen(plot_style));
    page_put(p, "</style>\n</head>\n<body>\n");
}

void page_end(report_page *p)
{
    page_put(p, "<footer>Written by Taper %s.</footer>\n</body>\n</html>\n", tp_version());
}
