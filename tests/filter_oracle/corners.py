"""Conditions written by hand: what random ones meet too seldom."""

NUMBERS = [
    "'9007199254740993'::float8::text = '9007199254740992'",
    "'-0'::float8::text = '-0'", "weight * 5e-324 = 0", "'1e-200'::float8 * '1e-200'::float8 = 0",
    "'5e-324'::float8 / '1e10'::float8 = 0", "'1e308'::float8 * 10 > 0", "'0'::float8 / '0'::float8 = 0",
    "'NaN'::float8 / '0'::float8 = 'NaN'", "'inf'::float8 - 'inf'::float8 = 'NaN'", "1 / '5e-324'::float8 > 0", "'inf'::float8 / 0 > 0",
    "-9223372036854775808 / -1 = 0", "-9223372036854775808 % -1 = 0", "- big = 0", "big + 1 > 0", "big * -1 < 0", "-7 / 2 = -3",
    "-7 % 3 = -1", "7 % -3 = 1", "id % 0 = 1", "id / 0 = 1", "weight / 0 = 1", "'2.5'::float8::int8 = 2", "'3.5'::float8::int8 = 4",
    "'-2.5'::float8::int8 = -2", "'9223372036854775807'::float8::int8 > 0", "'-9223372036854775808'::float8::int8 < 0", "price::int8 > 0",
    "price::text > ''", "2 + 3 * 4 = 14", "(2 + 3) * 4 = 20", "- 2 + 3 = 1", "10 - 4 - 3 = 3", "100 / 10 / 5 = 2", "- 7 % 4 = -3",
    "2 * -3 = -6", "2*-3 = -6", "year in (2024, 2025, null)", "year not in (2024, 2025, null)", "price = 'NaN'", "price > 'inf'",
    "price < '-inf'", "price = 0", "price <> '-0'", "year=-1", "year<-1", "year>+1", "year - -1 = 0", "+ + - + year = 1",
]
TIMES = [
    "added::text > ''", "'2024-01-01 12:30'::date = '2024-01-01'::timestamp", "added < '999999-01-01'", "added < '294246-12-31'",
    "'2024-01-01 00:00:00.0000005'::timestamp = '2024-01-01'::timestamp", "'2024-01-01 23:59:59.9999999'::timestamp = '2024-01-02'",
    "'2024-01-01 00:00:00.0000015'::timestamp = '2024-01-01 00:00:00.000002'::timestamp",
    "'2024-01-01 00:00:00.1234565'::timestamp = '2024-01-01 00:00:00.123456'::timestamp", "'2024-01-01 24:00'::timestamp = '2024-01-02'",
    "'2024-02-30'::timestamp is null", "'2024-01-01 25:00'::timestamp is null", "'2024-01-01 24:00:01'::timestamp is null",
    "'2024-01-01 12:60'::timestamp is null", "'2024-01-01 12:00:60'::timestamp = '2024-01-01 12:01'",
    "'2024-01-01 12:00:61'::timestamp is null", "'2023-02-29' = added", "'1900-02-29' = added", "'2000-02-29' > added", "'epoch' > added",
    "'0000-01-01' = added", "'2024-13-01' = added", "'2024-00-01' = added", "'2024-01-00' = added", "'' = added", "'2024' = added",
    "'tomorrows' = added", "'-2024-01-01' = added", "'2024-01-01 12:00+02'::timestamptz = '2024-01-01 10:00'::timestamptz",
    "'2024-01-01 12:00+16'::timestamptz is null", "'2024-01-01 00:30+0530'::timestamptz = '2023-12-31 19:00Z'::timestamptz",
    "'2024-01-01 12:00+'::timestamptz is null", "'2024-01-01 12:00 UTC'::timestamptz = '2024-01-01 12:00'::timestamptz",
    "date '2024-02-29' = '2024-02-29'", "timestamp '2024-02-29' < added",
    "'2024-01-01T12:00:00.5-08:30'::timestamptz = '2024-01-01 20:30:00.5'::timestamptz",
]
LISTS = [
    "name = any('{}'::text[])", "name <> all('{}'::text[])", "name = any(tags) is null", "null::text = any(tags)",
    "not (null::text = any(tags))", "name = any('{a,null}')", "name <> all('{a,null}')", "null::text = any('{}')", "tags @> '{}'",
    "tags <@ '{}'", "tags && '{}'", "tags @> '{null}'", "tags && '{null,red}'", "tags <@ '{NULL,red,blue}'",
    """tags @> '{ red , "a,b" }'""", "tags @> '{red,}'", "tags @> '{,red}'", """tags @> '{"red"x}'""", "tags @> 'red'",
    r"tags @> '{a\,b}'", r"""tags @> '{"q\"x"}'""", "tags @> '{red'", "tags @> ' {red} '", """tags @> '{""}'""", """tags @> '{r"ed"}'""",
    r"tags @> '{\NULL}'", """tags @> '{"NULL"}'""", "tags = any(tags)", "tags @> array['red', null]", "array['red'] <@ tags",
    "'red' = any(array['red'])", "name = any(array['a', title, null])",
]
PATTERNS = [
    r"name like '\'", r"'a\' like 'a\\'", r"'%' like '\%'", r"'ab' like '\a\b'", "'' like '%'", "'' like '_'", "'日本' like '__'",
    "'日本' like '_'", "'ÄB' ilike 'äb'", "'ÄB' ilike 'Äb'", "'\u0130' ilike 'i'", "'\u212a' ilike 'k'", "'aXbXc' like '%X%X%'",
    "'ab' like '%%%_%_%'", "'ab' like 'a%b%c'", "name like title", "name ~~ 'a%'", "name !~~* 'a%'",
]
CASTS = [
    "' t '::bool", "'o'::bool", "'of'::bool is false", "'yess'::bool", "''::bool", "'01'::int8 = 1", "'1 2'::int8 = 1", "'1.0'::int8 = 1",
    "' 1e3 '::float8 = 1000", "'1e400'::float8 > 0", "'1e-400'::float8 = 0", "'.5'::float8 = '0.5'", "'5.'::float8 = 5",
    "'+5'::float8 = 5", "'+5'::int8 = 5", "'+-5'::int8 = 5", "'-inf'::float8 < 0", "'+Infinity'::float8 > 0", "'1e'::float8 = 1",
    "'--1'::int8 = 1", "''::float8 = 0", "'9223372036854775808'::int8 > 0", "'-9223372036854775808'::int8 < 0", "'x'::float8 = 1",
    "name::int8 = 7", "name::bool", "digits::int8 = 7", "day::timestamp > '2000-01-01'", "year = '2024'", "year = '2024.0'",
    "stock = 'yes'", "stock = 'maybe'", "stock < 'yes'", "stock::text = 'true'", "tags::int8 = 1",
    "added::int8 = 1", "extra::int8 = 1", "year::timestamp = added",
]
JSON = [
    "extra->'a'->'b'->'c'->1->1->>'a' = 'deep'", "extra->>'s' like '%日本%ä'", "extra->>'s' like '%\U0001f600%'", "extra->>0 = 'x'",
    "extra->-1 is not null", "extra->>-2147483648 is null", "extra->'' is not null", "extra->null is null", "(extra->'a')::text = 'null'",
    "extra->>'a' is null and extra->'a' is not null", "extra::text like '{%'", "meta->'list'->1->>'n' = '8'", "extra->>'a' = 'x}y]'",
    """extra->>'b' = '{"a":1}'""", "extra->'日本'->>0 = '語'", "extra->0->0 is null", "extra->'0' is null", "extra->>0 is null",
    """extra->>1 = '[2,{"a":"deep"}]'""", "extra = '5'", "extra = extra", "extra->>'a' > '1'", "name->'a' is null",
    "extra->'a'->>'b' is null", "extra->'a'->>'b' like '%c%'", "meta->'list'->1->>'n' is null", "(meta->>'n')::int8 > 5.5",
    "(meta->>'n')::int8 in (7, 2024, null)", "(meta->>'f')::float8 = 0", "not ((meta->>'f')::float8 between -3 and 1)",
    "(meta->>'n')::int8 is null", "(meta->>'name')::int8 = 1", "meta->>'name' is null and (meta->>'name')::int8 = 1", "name like 'a%b_'",
]
TRUTH = [
    "null", "null::bool is unknown", "not null is null", "(null and false) is false", "(null or true)", "null is distinct from null",
    "1 is distinct from null", "1 between symmetric 3 and 0", "null between 1 and 2 is null", "3 not between 1 and null",
    "0 not between 1 and null", "'b' between 'a' and 'c'", "true > false", "true between false and true", "1 in (null, 1)",
    "1 in (null, 2) is null", "1 not in (2, 3)", "1 in (1) in (true)", "1 isnull isnull", "1 + 1 in (2)", "true is true is not false",
    "1 = 2 is false", "1 = 1 = true", "1 < 2 < 3", "not 1 = 2", "not true = false", "false and true or true", "true or true and false",
    "not false and false", "stock", "'no' or stock", "stock and year", "year = true", "year = name",
    "added = 1", "stock + 1 = 2", "year = added", "weight % 2 = 1", "- name = 1", "- stock",
    "v is null or v is not null",
]
STRINGS = [
    "'Z' < 'a'", "'ä' > 'z'", "'a ' = 'a'", "'' < 'a'", r"E'\u00e4' = 'ä'", r"U&'\00e4' = 'ä'", "'a'\n'b' = 'ab'", "'a' 'b' = 'ab'",
    "$$a$$ = 'a'", "$q$'$$'$q$ = '''$$'''", r"E'\'' = ''''", r"'\' = E'\\'", "name < 'b'", "name >= '日'",
    "title is distinct from name", "name <= title", "name in ('a', 'abc', null)", '"name" = \'a\'', '"NAME" = \'a\'', "NAME = 'a'",
    "name = 'a' -- a comment", "/* /* */ */ name = 'a'", "name = 'a' and", "stock stock", "stock or", "and stock",
]
EVERY = [*NUMBERS, *TIMES, *LISTS, *PATTERNS, *CASTS, *JSON, *TRUTH, *STRINGS]
