"""The shapes that coroutines may have: one await a statement, bound to a name, never in a condition; and a lambda that
captures is never a coroutine (its captures die with the lambda object, while the frame lives on)."""
import re

import pytest

from source_tree import ROOMS, Source, closing, code_only, cpp_sources

KEYWORD = re.compile(r"\bco_(await|return|yield)\b")
AWAIT = re.compile(r"\bco_await\b")
LABEL = r"(?:else\s+)?(?:(?:case\b[^:?]*|default|\w+)\s*:(?!:)\s*)*"
NAME = r"(?:[A-Za-z_]\w*(?:(?:\.|->)[A-Za-z_]\w*|\[\w+\])*)"
TYPE = r"(?:(?:const|auto|[A-Za-z_][\w:]*(?:<[^;=]*>)?)[\s&*]+)*"
BEFORE_AWAIT = re.compile(rf"{LABEL}(?:\([^()]*\)\s*)?(?:{TYPE}{NAME}\s*=\s*)?")
LAMBDA = re.compile(r"(?<![\w\)\]\[])(?<!operator)\s*\[(?!\[)([^\[\]]*)\]\s*(?=[<({]|mutable\b|->|noexcept\b)")


def statements(code):
    """(offset, text) of each statement: what stands between `;`, `{` and `}`, round brackets kept whole."""
    start, offset = 0, 0
    while offset < len(code):
        if code[offset] in "([":
            offset = closing(code, offset)
        elif code[offset] in ";{}":
            yield start, code[start:offset]
            start = offset + 1
        offset += 1


def lambda_bodies(code):
    """(offset of the introducer, captures, start, end of the body) of each lambda."""
    for match in LAMBDA.finditer(code):
        at = match.end()
        while at < len(code) and code[at] not in "{;":
            at = closing(code, at) + 1 if code[at] in "(<" and code[at] == "(" else at + 1
        if at < len(code) and code[at] == "{":
            yield match.start(1) - 1, match[1].strip(), at, closing(code, at)


def without_lambdas(code):
    """The code with the bodies of its lambdas blanked, innermost included."""
    for _, _, start, end in lambda_bodies(code):
        code = code[:start + 1] + re.sub(r"[^\n]", " ", code[start + 1:end]) + code[end:]
    return code


def statement_violations(source, code, base=0):
    for start, statement in statements(code):
        awaits = list(AWAIT.finditer(statement))
        if not awaits:
            continue
        at = source.at(base + start + awaits[0].start())
        before = statement[:awaits[0].start()].strip()
        condition = re.match(r"(?:else\s+)?(if|while|for|switch)\b", before)
        if condition:
            head_end = closing(statement, statement.index("("))
            if awaits[0].start() + len(statement) - len(statement.lstrip()) < head_end:
                yield f"{at}: co_await in a condition: bind it to a name before"
                continue
            before = statement[head_end + 1:awaits[0].start()].strip()
        if len(awaits) > 1:
            yield f"{at}: {len(awaits)} awaits in one statement"
        elif not BEFORE_AWAIT.fullmatch(before + " " if before and not before.endswith("=") else before):
            yield f"{at}: bind what co_await gives to a name, alone: `auto name = co_await …;`"
        elif re.search(r"[(,]\s*\{", statement[awaits[0].end():]):
            yield f"{at}: an aggregate made inside an await's arguments: name it before"


def violations(source):
    code = code_only(source.text)
    found = list(statement_violations(source, without_lambdas(code)))
    for introducer, captures, start, end in lambda_bodies(code):
        body = without_lambdas(code[start + 1:end])
        found += statement_violations(source, body, start + 1)
        if captures and KEYWORD.search(body):
            found.append(f"{source.at(introducer)}: a lambda that captures is a coroutine: pass [{captures}] as parameters")
    return found


def test_every_coroutine_has_an_allowed_shape():
    assert [v for source in cpp_sources(*ROOMS, "tests") for v in violations(source)] == []


def in_function(body):
    return Source("core/a.cpp", "// A file.\nTask<int> run() {\n" + body + "\n}\n")


@pytest.mark.parametrize("body", [
    "if (co_await ready()) go();",
    "if (a && co_await ready()) go();",
    "else if (co_await ready()) { go(); }",
    "while (co_await next()) {}",
    "switch (co_await next()) { case 1: break; }",
    "for (auto x = co_await first(); x;) {}",
    "const int sum = co_await a() + co_await b();",
    "use(co_await a());",
    "co_return co_await a();",
    "const int b = flag ? co_await a() : 0;",
    "const int b = (co_await a()).size();",
    "const bool b = !co_await a();",
    "auto x = co_await send({1, 2});",
    "auto x = co_await send(a, {1, 2});",
    "auto task = [this]() -> Task<> { co_return; };",
    "auto task = [&](int x) -> Task<int> { const int y = co_await other(x); co_return y; };",
    "auto task = [x] { return [y]() -> Task<> { co_return; }; };",
    "auto task = [](int x) -> Task<int> { co_return co_await other(x); };",
])
def test_a_forbidden_shape_is_found(body):
    assert violations(in_function(body))


@pytest.mark.parametrize("body", [
    "co_await flush();",
    "const auto x = co_await read(buffer, 10);",
    "const Result<std::string_view> piece = co_await body.read();",
    "auto& x = co_await a();",
    "sent = co_await send(Frame(1, 2));",
    "this->state.last = co_await a();",
    "if (full) co_await flush();",
    "else co_await flush();",
    "if (full) { const auto x = co_await flush(); }",
    "case 3: x = co_await a();",
    "auto x = co_await loop.offload([&path, flags] { return open(path, flags); });",
    "auto task = [](int x) -> Task<int> { const int y = co_await other(x); co_return y; };",
    "auto plain = [this](int x) { return x + y_; };",
    'log("co_await a() + co_await b()");  // if (co_await c())',
    "int a[3]; a[0] = 1; [[maybe_unused]] int b = 2;",
])
def test_an_allowed_shape_passes(body):
    assert violations(in_function(body)) == []
