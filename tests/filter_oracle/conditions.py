"""Random conditions with types, each written twice: as OmenDB takes it and as PostgreSQL does."""

import dataclasses
import datetime
import math
import re

from filter_oracle import rows

# How tightly things hold together in PostgreSQL's grammar; what stands inside something must hold at least as tightly.
OR, AND, NOT, IS, COMPARE, LIKE, OTHER, ADD, MULTIPLY, SIGN, CAST, ATOM = range(12)

COLUMNS = {
    "int": ["year", "year", "id", "big"], "float": ["weight", "weight", "price"], "bool": ["stock", "flag"],
    "time": ["added", "seen"], "string": ["name", "title", "name", "digits", "day"], "list": ["tags", "labels"],
    "json": ["extra", "meta", "extra"],
}
SQL_TYPES = {"int": "int8", "float": "float8", "bool": "bool", "time": "timestamp", "string": "text", "list": "text[]", "json": "json"}
CASTS = {  # how a type may be called
    "int": ["int8", "bigint", "int", "integer", "int4", "int2", "smallint"],
    "float": ["float8", "double precision", "real", "numeric", "float4"],
    "bool": ["bool", "boolean"], "time": ["timestamp", "timestamptz", "timestamp without time zone", "timestamp with time zone"],
    "string": ["text", "varchar"], "list": ["text[]", "varchar[]"],
}
COMPARABLE = ["int", "float", "bool", "time", "string"]
COMPARISONS = ["=", "<>", "!=", "<", "<=", ">", ">="]
PATTERNS = [
    "%", "a%", "%b", "_", "__", "___", "%a%b%", "50\\%", "a\\_b", "Ä%", "ä%", "%\\\\%", "", "A%", "日_", "日%", "%\U0001f600%", "_ %", "%l%",
    "\\a%", "%o%i%", "%%", "_%_", "%\n%", "o'%", "a_c", "%e", "%\u0301",
]
NAMES = ["a", "b", "s", "n", "f", "t", "name", "list", "", "日本", "back\\slash", "c"]
BOOL_WORDS = {True: ["true", "t", "YES", "on", "1", " tr "], False: ["false", "f", "no", "off", "0", "N"]}


@dataclasses.dataclass
class Node:
    kind: str  # of COLUMNS
    omen: str
    sql: str  # holds together by itself
    level: int = ATOM
    params: dict = dataclasses.field(default_factory=dict)
    inputs: tuple = ()
    constant: bool = False

    def conditions(self):
        """The parts of it that are conditions themselves, itself the last."""
        for part in self.inputs:
            yield from part.conditions()
        if self.kind == "bool":
            yield self

    def arguments(self):
        """(text, params) for OmenDB: positional where the number of parameters is even, else by name."""
        if len(self.params) % 2 == 1:
            return self.omen, self.params
        names = re.findall(r":(param\d+)\b", self.omen)
        return re.sub(r":param\d+\b", "?", self.omen), [self.params[name] for name in names] or None


class Conditions:
    def __init__(self, random):
        self.random = random
        self.param_count = 0
        self.makers = {
            "int": [self.int_arithmetic, self.int_arithmetic, self.cast_to_int], "float": [self.float_arithmetic, self.cast_to_float],
            "time": [self.cast_to_time], "string": [self.cast_to_string, self.member, self.member], "json": [self.json_member], "list": [],
            "bool": [
                self.compared, self.compared, self.compared, self.distinct, self.between, self.among, self.among, self.any_of_list,
                self.like, self.like, self.lists, self.is_null, self.is_truth, self.connected, self.connected, self.connected,
                self.negated, self.cast_to_bool,
            ],
        }

    def make(self, depth=4):
        return self.connected(depth) if self.random.random() < 0.5 else self.value("bool", depth)

    def value(self, kind, depth):
        """Of a kind, at most so deep."""
        makers = self.makers[kind]
        if depth <= 0 or not makers or self.random.random() < (0.1 if kind == "bool" else 0.45):
            return self.constant(kind) if kind != "json" and self.chance(0.25) else self.column(kind)
        return self.random.choice(makers)(depth - 1)

    def chance(self, share):
        return self.random.random() < share

    def pick(self, *choices):
        return self.random.choice(choices)

    # --- how things are written ---

    def blank(self):
        return self.random.choices([" ", "\n", "  ", " /* ; ' ( */ ", " -- $$ )'\n"], [94, 2, 2, 1, 1])[0]

    def word(self, words):
        """Of SQL, in any case."""
        shown = self.random.choice([words, words, words.upper(), words.title()])
        return self.blank().join(shown.split(" "))

    def inside(self, node, level):
        """As a part of something that holds together as `level`."""
        if node.level >= level and not self.chance(0.15):
            return node.omen
        return f"({node.omen})"

    def joined(self, kind, level, parts, sql):
        """Of nodes and words: nodes as (node, level)."""
        inputs = tuple(part[0] for part in parts if not isinstance(part, str))
        texts = [part if isinstance(part, str) else self.inside(*part) for part in parts]
        params = {name: value for node in inputs for name, value in node.params.items()}
        return Node(kind, self.blank().join(texts), f"({sql})", level, params, inputs)

    # --- leaves ---

    def column(self, kind):
        name = self.random.choice(COLUMNS[kind])
        return Node(kind, self.random.choice([name, name, name.upper(), f'"{name}"']), name)

    def param(self, kind, value, sql):
        self.param_count += 1
        name = f"param{self.param_count}"
        return Node(kind, f":{name}", sql, params={name: value}, constant=True)

    def constant(self, kind, untyped=False):
        """`untyped`: it meets something that has a type, so quoted text will do, and a bare null."""
        if self.chance(0.07):
            sql = f"(select null::{SQL_TYPES[kind]})"
            if untyped:
                return self.param(kind, None, sql) if self.chance(0.3) else Node(kind, self.word("null"), sql, constant=True)
            return Node(kind, f"null::{SQL_TYPES[kind]}", sql, CAST, constant=True)
        return getattr(self, f"constant_{kind}")(untyped)

    def constant_int(self, untyped):
        value = self.pick(self.random.choice(rows.INTS), *range(-3, 4), self.random.randint(2018, 2030), self.random.randint(1, 300))
        sql = f"(select '{value}'::int8)"
        if self.chance(0.3):
            return self.param("int", value, sql)
        if self.chance(0.2):
            shown = self.pick(f"'{value}'", f"' {value}'") if untyped else self.pick(f"'{value}'::int8", f"bigint '{value}'")
            return Node("int", shown, sql, ATOM if untyped else CAST, constant=True)
        return Node("int", str(value), sql, ATOM if value >= 0 else SIGN, constant=True)

    def constant_float(self, untyped):
        value = self.pick(self.random.choice(rows.FLOATS), self.random.randint(-40, 40) / 8, self.random.randint(-9, 9) / 10)
        sql = f"(select '{value!r}'::float8)"
        if self.chance(0.3):
            return self.param("float", value, sql)
        if math.isinf(value) or math.isnan(value) or self.chance(0.15):
            text = repr(value).replace("inf", self.pick("inf", "Infinity", "INF"))
            shown = f"'{text}'" if untyped else self.pick(f"'{text}'::float8", f"cast('{text}' as float8)")
            return Node("float", shown, sql, CAST, constant=True)
        return Node("float", repr(value), sql, SIGN if repr(value).startswith("-") else ATOM, constant=True)

    def constant_bool(self, untyped):
        value = self.chance(0.5)
        sql = f"(select {str(value).lower()})"
        if untyped and self.chance(0.3):
            return Node("bool", f"'{self.random.choice(BOOL_WORDS[value])}'", sql, constant=True)
        return self.param("bool", value, sql) if self.chance(0.2) else Node("bool", self.word(str(value).lower()), sql, constant=True)

    def constant_time(self, untyped):
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=self.pick(*rows.MICROS[:7], 10**15, 1_709_251_200_000_000))
        sql = f"(select '{moment.isoformat(' ')}'::timestamp)"
        hours = self.pick(-8, -3, 2, 5.5)
        local = moment + datetime.timedelta(hours=hours) if 1900 < moment.year < 2100 else moment
        if self.chance(0.3):
            zone = datetime.timezone(datetime.timedelta(hours=hours)) if local is not moment else datetime.UTC
            return self.param("time", self.pick(local.replace(tzinfo=zone), moment), sql)
        sign = f"{'-' if hours < 0 else '+'}{int(abs(hours)):02}:{int(abs(hours) % 1 * 60):02}"
        texts = [moment.isoformat(" "), moment.isoformat("T"), f"{moment.isoformat()}Z", f" {moment.isoformat(' ')} "]
        texts += [f"{local.isoformat(' ')}{sign}", f"{local.isoformat()}{sign.replace(':', '')}"] if local is not moment else []
        text = rows.quoted(self.random.choice(texts))
        cast = self.random.choice(CASTS["time"])
        shown = text if untyped else self.pick(f"timestamp {text}", f"timestamptz {text}", f"cast({text} as {cast})", f"{text}::{cast}")
        return Node("time", shown, sql, ATOM if untyped else CAST, constant=True)

    def constant_string(self, _untyped):
        return self.string(self.random.choice(rows.STRINGS))

    def string(self, text):
        sql = f"(select {rows.quoted(text)}::text)"
        if self.chance(0.25):
            return self.param("string", text, sql)
        escaped = text.replace("\\", "\\\\").replace("'", self.pick("''", "\\'")).replace("\n", "\\n")
        shown = self.pick(rows.quoted(text), rows.quoted(text), f"E'{escaped}'", f"e'{escaped}'", f"$q1${text}$q1$")
        return Node("string", shown, sql, constant=True)

    def constant_list(self, untyped):
        items = self.random.choices([*rows.TAGS, *rows.TAGS, None], k=self.random.choice([0, 1, 1, 2, 3]))
        sql = f"(select array[{', '.join('null' if item is None else rows.quoted(item) for item in items)}]::text[])"
        if None not in items and self.chance(0.3):
            node = self.param("list", items, sql)
            return dataclasses.replace(node, omen=f"array[{node.omen}]")
        if self.chance(0.5):
            quoted = ["null" if item is None else '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items]
            text = rows.quoted("{" + self.pick(",", ", ").join(quoted) + "}")
            return Node("list", text if untyped else f"{text}::{self.pick(*CASTS['list'])}", sql, ATOM if untyped else CAST, constant=True)
        shown = f"array[{', '.join('null' if item is None else rows.quoted(item) for item in items)}]"
        return Node("list", shown + ("" if items else "::text[]"), sql, ATOM if items else CAST, constant=True)

    # --- numbers ---

    def int_arithmetic(self, depth):
        if self.chance(0.15):
            value, sign = self.not_constant("int", depth), self.pick("-", "-", "+")
            return self.joined("int", SIGN, [sign, (value, SIGN)], f"{sign} {value.sql}")
        operator = self.pick("+", "-", "*", "/", "%")
        level = ADD if operator in "+-" else MULTIPLY
        left = self.value("int", depth)
        right = self.value("int", depth)
        if operator in "/%" and self.chance(0.7):
            right = Node("int", "3", "(select 3::int8)", constant=True)
        return self.joined("int", level, [(left, level), operator, (right, level + 1)], f"{left.sql} {operator} {right.sql}")

    def float_arithmetic(self, depth):
        if self.chance(0.15):
            value = self.not_constant("float", depth)
            return self.joined("float", SIGN, ["-", (value, SIGN)], f"- {value.sql}")
        operator = self.pick("+", "-", "*", "/")
        level = ADD if operator in "+-" else MULTIPLY
        kinds = self.pick(("float", "float"), ("float", "int"), ("int", "float"))
        left = self.value(kinds[0], depth)
        right = self.value(kinds[1], depth)
        if operator == "/" and self.chance(0.7):
            right = Node("float", "2.5", "(select 2.5::float8)", constant=True)
        sql = f"{left.sql}::float8 {operator} {right.sql}::float8"
        return self.joined("float", level, [(left, level), operator, (right, level + 1)], sql)

    # --- casts ---

    def cast(self, kind, value, sql):
        name = self.random.choice(CASTS[kind])
        if self.chance(0.6):
            return self.joined(kind, CAST, [(value, CAST), "::", name], sql)
        return self.joined(kind, ATOM, [self.word("cast") + "(", (value, OR), self.word("as"), name + ")"], sql)

    def not_constant(self, kind, depth):
        value = self.value(kind, depth)
        return self.column(kind) if value.constant else value

    def of_meta(self, name):
        text = f"meta{self.blank()}->>{self.blank()}'{name}'"
        return Node("string", text, f"(meta ->> '{name}')", OTHER)

    def of_column(self, name):
        return Node("string", name, name)

    def cast_to_int(self, depth):
        value = self.pick(
            lambda: self.not_constant("float", depth), lambda: self.not_constant("bool", depth), lambda: self.of_meta("n"),
            lambda: self.of_column("digits"), lambda: self.column("int"))()
        steps = {"bool": "::int4::int8"}
        return self.cast("int", value, value.sql + steps.get(value.kind, "::int8"))

    def cast_to_float(self, depth):
        value = self.pick(
            lambda: self.not_constant("int", depth), lambda: self.of_meta("f"), lambda: self.of_column("digits"),
            lambda: self.column("float"))()
        return self.cast("float", value, f"{value.sql}::float8")

    def cast_to_bool(self, depth):
        value = self.pick(lambda: self.not_constant("int", depth), lambda: self.of_meta("b"), lambda: self.not_constant("bool", depth))()
        return self.cast("bool", value, f"{value.sql} <> 0" if value.kind == "int" else f"{value.sql}::bool")

    def cast_to_time(self, _depth):
        value = self.pick(self.of_meta("t"), self.of_column("day"), self.column("time"))
        return self.cast("time", value, f"{value.sql}::timestamp")

    def cast_to_string(self, depth):
        kind = self.pick("int", "float", "bool", "time", "json", "string")
        value = self.not_constant(kind, depth)
        return self.cast("string", value, f"{value.sql}::text")

    # --- JSON ---

    def key(self):
        if self.chance(0.3):
            number = self.pick(0, 1, 2, 3, -1, -2, 100)
            return self.param("int", number, f"{number}::int4") if self.chance(0.2) else Node(
                "int", str(number), f"({number})::int4", ATOM if number >= 0 else SIGN)
        return self.of_column("name") if self.chance(0.1) else self.string(self.random.choice(NAMES))

    def json_member(self, depth):
        value, key = self.value("json", depth), self.key()
        return self.joined("json", OTHER, [(value, OTHER), "->", (key, OTHER + 1)], f"{value.sql} -> {key.sql}")

    def member(self, depth):
        value, key = self.value("json", depth), self.key()
        return self.joined("string", OTHER, [(value, OTHER), "->>", (key, OTHER + 1)], f"{value.sql} ->> {key.sql}")

    # --- comparisons ---

    def pair(self, depth):
        """Two values that compare; the second may be text that takes the type of the first."""
        kind = self.random.choice(COMPARABLE)
        left = self.value(kind, depth)
        if kind in ("int", "float") and self.chance(0.35):
            kind = "int" if kind == "float" else "float"
        elif not left.constant and self.chance(0.35):
            return left, self.constant(kind, untyped=True)
        return left, self.value(kind, depth)

    @staticmethod
    def order(left, operator, right):
        """Of two values, for PostgreSQL."""
        if left.kind == right.kind:
            return f"{left.sql} {operator} {right.sql}"
        if left.kind == "int":
            return f"exact_order({left.sql}, {right.sql}) {operator} 0"
        return f"0 {operator} exact_order({right.sql}, {left.sql})"

    def compared(self, depth):
        (left, right), operator = self.pair(depth), self.random.choice(COMPARISONS)
        return self.joined("bool", COMPARE, [(left, COMPARE + 1), operator, (right, COMPARE + 1)], self.order(left, operator, right))

    def distinct(self, depth):
        left, right = self.pair(depth)
        words = self.pick("is distinct from", "is not distinct from")
        same = (
            f"case when {left.sql} is null and {right.sql} is null then true when {left.sql} is null or {right.sql} is null then false"
            f" else {self.order(left, '=', right)} end")
        sql = same if "not" in words else f"not {same}"
        return self.joined("bool", IS, [(left, IS + 1), self.word(words), (right, IS + 1)], sql)

    def between(self, depth):
        value, low = self.pair(depth)
        high = self.value(value.kind, depth) if self.chance(0.5) else self.value(low.kind, depth)
        words = self.pick("between", "between", "not between", "between symmetric", "not between symmetric")
        sql = f"{self.order(value, '>=', low)} and {self.order(value, '<=', high)}"
        if "symmetric" in words:
            sql = f"({sql}) or ({self.order(value, '>=', high)} and {self.order(value, '<=', low)})"
        sql = f"not ({sql})" if "not" in words else sql
        parts = [(value, LIKE + 1), self.word(words), (low, OTHER), self.word("and"), (high, LIKE + 1)]
        return self.joined("bool", LIKE, parts, sql)

    def item(self, value):
        """Of a list that `value` is looked for in: nothing that can fail."""
        kind = value.kind
        if kind in ("int", "float") and self.chance(0.2):
            kind = "int" if kind == "float" else "float"
        return self.column(kind) if self.chance(0.15) else self.constant(kind, untyped=kind == value.kind)

    def among(self, depth):
        value = self.not_constant(self.random.choice(COMPARABLE), depth)
        items = [self.item(value) for _ in range(self.random.choice([1, 1, 2, 3, 5]))]
        if self.chance(0.25):
            return self.among_params(value)
        sql = " or ".join(f"({self.order(value, '=', item)})" for item in items)
        negative = self.chance(0.4)
        parts = [(item, OR) for item in items]
        commas = [part for pair in zip(parts, [","] * len(parts), strict=True) for part in pair][:-1]
        if self.chance(0.6):
            words, ends, level = ("not in (" if negative else "in ("), ")", LIKE
        else:
            words, ends, level = ("<> all(array[" if negative else "= any(array["), "])", COMPARE
        return self.joined("bool", level, [(value, level + 1), self.word(words), *commas, ends], f"not ({sql})" if negative else sql)

    def among_params(self, value):
        """A list that is one parameter."""
        constants = [self.constant(value.kind, untyped=True) for _ in range(self.random.choice([0, 3, 6, 20]))]
        known = [node for node in constants if node.params]
        node = self.param(value.kind, [next(iter(part.params.values())) for part in known], "")
        negative = self.chance(0.4)
        forms = ["not in", "not in (", "<> all("] if negative else ["in", "in (", "= any("]
        form = self.random.choice(forms)
        level = COMPARE if form[0] in "<=" else LIKE
        sql = f"{value.sql} = any(array[{', '.join(part.sql for part in known)}]::{SQL_TYPES[value.kind]}[])"
        parts = [(value, level + 1), self.word(form), node.omen + (")" if form.endswith("(") else "")]
        made = self.joined("bool", level, parts, f"not ({sql})" if negative else sql)
        return dataclasses.replace(made, params={**made.params, **node.params})

    def any_of_list(self, depth):
        value = self.value("string", depth)
        of = self.column("list") if self.chance(0.8) or value.constant else self.constant("list")
        negative = self.chance(0.4)
        sql = f"{value.sql} = any({of.sql}::text[])"
        sql = f"not ({sql})" if negative else sql
        if of.constant or self.chance(0.5):
            words = "<> all(" if negative else "= any("
            return self.joined("bool", COMPARE, [(value, COMPARE + 1), self.word(words), (of, OR), ")"], sql)
        made = self.joined("bool", LIKE, [(value, LIKE + 1), self.word("not in" if negative else "in"), of.omen], sql)
        return made

    def like(self, depth):
        value = self.value("string", depth)
        pattern = self.string(self.random.choice(PATTERNS)) if self.chance(0.85) else self.of_column(self.pick("title", "digits"))
        words = self.pick("like", "like", "not like", "ilike", "not ilike")
        return self.joined("bool", LIKE, [(value, LIKE + 1), self.word(words), (pattern, LIKE + 1)], f"{value.sql} {words} {pattern.sql}")

    def lists(self, _depth):
        left = self.column("list")
        right = self.column("list") if self.chance(0.3) else self.constant("list", untyped=True)
        left, right = (left, right) if self.chance(0.7) else (right, left)
        operator = self.pick("@>", "<@", "&&")
        return self.joined("bool", OTHER, [(left, OTHER), operator, (right, OTHER + 1)], f"{left.sql} {operator} {right.sql}")

    # --- truth ---

    def is_null(self, depth):
        kind = self.pick("int", "float", "bool", "time", "string", "list", "json", "json", "vector")
        value = Node("vector", "v", "v") if kind == "vector" else self.value(kind, depth)
        words = self.pick("is null", "is not null", "isnull", "notnull")
        return self.joined("bool", IS, [(value, IS + 1), self.word(words)], f"{value.sql} {words}")

    def truth(self, depth):
        return self.constant("bool", untyped=True) if self.chance(0.05) else self.value("bool", depth)

    def is_truth(self, depth):
        value = self.truth(depth)
        words = f"{self.pick('is', 'is not')} {self.pick('true', 'false', 'unknown')}"
        return self.joined("bool", IS, [(value, IS + 1), self.word(words)], f"{value.sql} {words}")

    def negated(self, depth):
        value = self.truth(depth)
        return self.joined("bool", NOT, [self.word("not"), (value, NOT)], f"not {value.sql}")

    def connected(self, depth):
        word, level = self.pick(("and", AND), ("or", OR))
        values = [self.truth(depth) for _ in range(self.random.choice([2, 2, 2, 3, 4]))]
        parts = [(values[0], level)]
        for value in values[1:]:
            parts += [self.word(word), (value, level + 1)]
        return self.joined("bool", level, parts, f" {word} ".join(value.sql for value in values))
