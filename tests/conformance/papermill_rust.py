"""Teaches papermill to write parameters in Rust: importing this module is enough."""

import math
import re

from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators


# `let name: Type = default; // help`
LET = re.compile(r"let (?:mut )?(\w+)(?:: ([^=]+?))? = (.+?);(?:\s*// ?(.*))?")


class RustTranslator(Translator):
    """Parameters as `let` statements; lists as `vec![…]`."""

    @classmethod
    def translate_str(cls, val):
        escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}
        return '"' + "".join(escapes.get(character, character) for character in val) + '"'

    @classmethod
    def translate_none(cls, val):
        return "None::<()>"

    @classmethod
    def translate_int(cls, val):
        return f"{val}" if -(2**31) <= val < 2**31 else f"{val}_i64"

    @classmethod
    def translate_float(cls, val):
        if math.isnan(val):
            return "f64::NAN"
        if math.isinf(val):
            return "f64::INFINITY" if val > 0 else "f64::NEG_INFINITY"
        return repr(val)

    @classmethod
    def translate_list(cls, val):
        return "vec![" + ", ".join(cls.translate(item) for item in val) + "]"

    @classmethod
    def comment(cls, cmt_str):
        return f"// {cmt_str}"

    @classmethod
    def assign(cls, name, str_val):
        return f"let {name} = {str_val};"

    @classmethod
    def inspect(cls, parameters_cell):
        found = map(LET.fullmatch, parameters_cell["source"].splitlines())
        return [
            Parameter(name, type_name or "None", default, comment or "")
            for name, type_name, default, comment in (let.groups() for let in found if let)
        ]


papermill_translators.register("rust", RustTranslator)
