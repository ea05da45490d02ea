# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads a varlink interface text, and checks values against its types."""
import re

TOKEN = re.compile(r"#.*|->|\[string\]|\[\]|\?|[(),:]|[A-Za-z][A-Za-z0-9_.-]*|\s+")


class Interface:
    """name, types, methods {name: (in, out)} and errors, each a struct as {field: type}."""

    def __init__(self, text):
        self.types, self.methods, self.errors = {}, {}, {}
        self._tokens, at = [], 0
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                raise ValueError(f"not varlink: {text[at:at + 40]!r}")
            if not match[0].isspace() and not match[0].startswith("#"):
                self._tokens.append(match[0])
            at = match.end()
        self._expect("interface")
        self.name = self._take()
        while self._tokens:
            kind, name = self._take(), self._take()
            if not re.fullmatch("[A-Z][A-Za-z0-9]*", name):
                raise ValueError(f"{kind} {name}: must begin with a capital")
            if kind == "method":
                arguments = self._type()
                self._expect("->")
                self.methods[name] = (arguments, self._type())
            else:
                {"type": self.types, "error": self.errors}[kind][name] = self._type()

    def _take(self):
        return self._tokens.pop(0)

    def _expect(self, token):
        found = self._take()
        if found != token:
            raise ValueError(f"{found!r} where {token!r} was expected")

    def _type(self):
        token = self._take()
        if token in ("?", "[]", "[string]"):
            return (token, self._type())
        if token != "(":
            return token
        fields, names = {}, []
        while self._tokens[0] != ")":
            name = self._take()
            if not re.fullmatch("[A-Za-z](_?[A-Za-z0-9])*", name):
                raise ValueError(f"field {name}: not a name of varlink")
            if self._tokens[0] == ":":
                self._take()
                fields[name] = self._type()
            else:
                names.append(name)
            if self._tokens[0] == ",":
                self._take()
        self._expect(")")
        return ("enum", names) if names else fields

    def fault(self, value, kind, where="answer"):
        """What is wrong with the value, or None."""
        if isinstance(kind, dict):
            return self._struct_fault(value, kind, where)
        if isinstance(kind, tuple):
            word, inner = kind
            if word == "?":
                return None if value is None else self.fault(value, inner, where)
            if word == "enum":
                return None if value in inner else f"{where}: {value!r} is none of {inner}"
            items = value if isinstance(value, list) else None
            if word == "[string]":
                items = value.values() if isinstance(value, dict) else None
            if items is None:
                return f"{where}: {value!r} is no {word}"
            return next(filter(None, (self.fault(i, inner, where + "[]") for i in items)), None)
        if kind in self.types:
            return self.fault(value, self.types[kind], where)
        wanted = {"bool": bool, "int": int, "float": (int, float), "string": str,
                  "object": object}[kind]
        if not isinstance(value, wanted) or kind == "int" and isinstance(value, bool):
            return f"{where}: {value!r} is no {kind}"
        return None

    def _struct_fault(self, value, fields, where):
        if not isinstance(value, dict):
            return f"{where}: {value!r} is no object"
        for name in value:
            if name not in fields:
                return f"{where}.{name}: not in the interface"
        return next(filter(None, (self.fault(value.get(name), kind, f"{where}.{name}")
                                  for name, kind in fields.items())), None)
