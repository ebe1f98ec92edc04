#!/usr/bin/env python3
"""abi.py - taper/_abi.py from the C headers: every public function, struct, callback and constant.

    python3 bindings/python/tools/abi.py            writes it again
    python3 bindings/python/tools/abi.py --check    says whether it is current (exit status 1: it is not)

ctypes has to be told the types of everything; told by hand, they would differ from the headers one day, and a call with
wrong types is a crash.  A type is one letter:

    v nothing   b bool   i int, an enum   q int64_t   Q uint64_t, size_t   d double   f float   s text   p any other pointer
    *name a struct by value   t[n] an array; and of small ones B uint8_t H uint16_t I uint32_t h int32_t
"""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
HEADERS = os.path.join(HERE, "..", "..", "..", "include", "taper")
OUT = os.path.join(HERE, "..", "taper", "_abi.py")
LETTERS = {"void": "v", "bool": "b", "int": "i", "char": "c", "int64_t": "q", "uint64_t": "Q", "size_t": "Q", "double": "d",
           "float": "f", "int32_t": "h", "uint32_t": "I", "uint8_t": "B", "uint16_t": "H", "unsigned": "I", "int16_t": "e"}
LIMITS = {"INT32_MIN": -2**31, "INT64_MAX": 2**63 - 1}


def text_of_headers():
    text = ""
    for name in sorted(os.listdir(HEADERS)):
        if name.endswith(".h"):
            with open(os.path.join(HEADERS, name), encoding="utf-8") as f:
                text += f.read() + "\n"
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    text = re.sub(r"\\\n", " ", text)
    text = re.sub(r"^\s*#[^\n]*", "", text, flags=re.M)
    text = re.sub(r"TP_IN_PLACE_\(\w+\)", "", text)
    text = re.sub(r"TP_PRINTF\([^)]*\)", "", text)
    return text


class Headers:
    def __init__(self):
        text = text_of_headers()
        self.constants, self.enums, self.structs, self.callbacks, self.functions = {}, set(), {}, {}, {}
        for name, body in re.findall(r"\benum\s*(\w*)\s*{([^}]*)}", text):
            if name.startswith("DL") or not name and "kDL" in body:
                continue
            self.enums.add(name)
            self.read_enum(body)
        bodies = re.findall(r"typedef struct (\w+)\s*{([^}]*)}\s*\w+;", text)
        bodies += re.findall(r"^struct (\w+)\s*{([^}]*)};", text, flags=re.M)
        self.struct_names = {name for name, _ in bodies if name.startswith("tp_")}
        for result, name, arguments in re.findall(r"typedef ([\w\s*]+?)(\w+)\(([^;{}]*)\);", text):
            if name.startswith("tp_"):
                self.callbacks[name] = " ".join([self.letter(result)] + [t for t, _ in self.arguments(arguments)])
        for name, body in bodies:
            if name in self.struct_names:
                self.structs[name] = self.fields(body)
        for result, name, arguments in re.findall(r"TP_API\s+([\w\s*]+?)\(?(tp_\w+)\)?\s*\(((?:[^;()]|\([^;()]*\))*)\)\s*;", text):
            if "..." in arguments:
                continue
            types = [self.letter(result)] + [f"{t}:{n}" if n else t for t, n in self.arguments(arguments)]
            self.functions[name] = " ".join(types)

    def read_enum(self, body):
        value = -1
        for item in filter(None, (x.strip() for x in body.split(","))):
            name, _, given = item.partition("=")
            given = given.strip()
            value = (LIMITS.get(given) or self.constants.get(given) or int(given, 0) if given else value + 1)
            self.constants[name.strip()] = value

    def letter(self, c_type):
        words = [w for w in re.findall(r"\w+|\*", c_type) if w not in ("const", "struct", "restrict")]
        if "*" in words:
            return "s" if words == ["char", "*"] else "p"
        if words[0] in self.enums:
            return "i"
        return "*" + words[0] if words[0] in self.struct_names else LETTERS[words[0]]

    def arguments(self, text):
        """Types and names; a name may be missing."""
        result = []
        for a in re.split(r",(?![^()]*\))", text):
            a = a.strip()
            if "(*" in a:
                result.append(("p", re.search(r"\(\*\s*(\w*)\)", a).group(1)))
            elif a and a != "void":
                m = re.match(r"^(.*?[\s*])(\w+)$", a)
                known = m and (m.group(2) in LETTERS or m.group(2).startswith("tp_"))
                pointed = re.match(r"^const (tp_\w+) \*$", a)
                if pointed and pointed.group(1) in self.struct_names:  # says whose options
                    result.append(("p", pointed.group(1)))
                else:
                    result.append((self.letter(a), "") if not m or known else (self.letter(m.group(1)), m.group(2)))
        return result

    def fields(self, body):
        result = []
        for line in filter(None, (x.strip() for x in body.split(";"))):
            if "(" in line:
                result.append("p:" + re.search(r"\(\*\s*(\w+)\)", line).group(1))
                continue
            first, *rest = line.split(",")
            m = re.match(r"^(.*?[\s*])(\w+\s*(?:\[[^\]]*\])?)$", first.strip())
            base = m.group(1).replace("*", "")
            for i, part in enumerate([m.group(2)] + rest):
                star = "*" if "*" in (m.group(1) if i == 0 else part) else ""
                name, size = re.match(r"[\s*]*(\w+)\s*(?:\[([^\]]*)\])?", part).groups()
                count = f"[{self.constants.get(size.strip()) or int(size)}]" if size else ""
                result.append(f"{self.letter(base + star)}{count}:{name}")
        return " ".join(result)


def table(name, rows):
    lines = [f"{name} = {{"]
    lines += [f"    {key!r}: {value!r},".replace("'", '"') for key, value in rows.items()]
    return "\n".join(lines) + "\n}\n"


def made():
    h = Headers()
    with open(os.path.join(HEADERS, "base.h"), encoding="utf-8") as f:
        version = re.search(r'TP_VERSION "([^"]*)"', f.read()).group(1)
    return ('"""_abi.py - made from the C headers by tools/abi.py, which says how to read it.  Do not edit."""\n'
            "# fmt: off\n"
            "from typing import Dict\n\n"
            f'VERSION = "{version}"\n\n'
            + table("CONSTANTS: Dict[str, int]", h.constants) + "\n" + table("STRUCTS: Dict[str, str]", h.structs) + "\n"
            + table("CALLBACKS: Dict[str, str]", h.callbacks) + "\n" + table("FUNCTIONS: Dict[str, str]", h.functions))


def main():
    text = made()
    if "--check" in sys.argv[1:]:
        with open(OUT, encoding="utf-8") as f:
            if f.read() == text:
                return 0
        print("bindings/python/taper/_abi.py differs from the headers; `make python` makes it again")
        return 1
    with open(OUT, "w", encoding="utf-8") as f:
        f.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
