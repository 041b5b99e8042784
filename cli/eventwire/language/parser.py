"""The parser of conditions: CloudEvents SQL 1.0 and the additions of this superset.

From the tightest to the loosest (CloudEvents SQL 1.0, section 3.6), left to right where equal:

    function calls, NOT and - before a value, EXISTS
    LIKE, IN, MATCHES, IS NULL
    * / %
    + -
    = != <> < <= > >=, BETWEEN, CONTAINS
    AND OR XOR

NOT binds tighter than a comparison, and AND no tighter than OR: parentheses say what is meant. A warning is kept where
a condition would mean something else by the rules of SQL.
"""

from __future__ import annotations

from eventwire.errors import did_you_mean
from eventwire.language.findings import Finding, LanguageError
from eventwire.language.numbers import NumberTooLarge, read_decimal
from eventwire.language.paths import KEYWORDS, ROOTS
from eventwire.language.syntax import (
    And,
    Arithmetic,
    Between,
    Call,
    Comparison,
    Contains,
    Exists,
    Expression,
    In,
    IsNull,
    Like,
    Literal,
    Matches,
    Name,
    Negate,
    Not,
    Or,
    Xor,
    height,
)
from eventwire.language.tokens import Token, quoted_name, text_value, tokenize

DEEPEST = 50
"""How deep parentheses and prefix operators may be nested. Lists of AND, OR and IN may be of any length."""
HIGHEST = 100
"""How many levels a syntax tree may have: chains of arithmetic count, too."""

_COMPARISONS = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
WRITTEN = "A condition is written like this: amount > 100 AND country IN ('BR', 'PT')"
_LOGIC: dict[str, type[And | Or | Xor]] = {"AND": And, "OR": Or, "XOR": Xor}
_LEVELS: tuple[frozenset[str], ...] = (frozenset("*/%"), frozenset("+-"))
_INFIX = ("LIKE", "IN", "MATCHES", "BETWEEN", "CONTAINS")
_WORDS = (*KEYWORDS, "BETWEEN", "CONTAINS", "MATCHES", "IS", "NULL")


def parse(text: str) -> tuple[Expression, list[Finding]]:
    """The syntax tree of a condition, and warnings about how it reads. Raises LanguageError."""
    parser = Parser(text)
    try:
        return parser.parse()
    except RecursionError as error:  # the caller is deep in the stack already
        raise parser.too_deep(parser.next) from error


class Parser:
    """Reads one condition."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.position = 0
        self.next = self.tokens[0]
        self.depth = 0
        self.warnings: list[Finding] = []

    def parse(self) -> tuple[Expression, list[Finding]]:
        if self.next.kind == "end":
            raise self.error(self.next, "empty", "The condition is empty.", "Leave `where` out to match every event.")
        tree = self.logic()
        if self.next.kind != "end":
            raise self.unexpected("the condition should end here")
        if height(tree) > HIGHEST:
            raise self.too_deep(self.tokens[0])
        return tree, self.warnings

    # Tokens

    @property
    def after(self) -> Token:
        return self.tokens[min(self.position + 1, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.next
        if token.kind != "end":
            self.position += 1
            self.next = self.tokens[self.position]
        return token

    def takes(self, text: str) -> bool:
        """Take the next token where it is this symbol or keyword."""
        found = self.next.word == text or (self.next.kind == "symbol" and self.next.text == text)
        if found:
            self.take()
        return found

    def expect(self, text: str, purpose: str) -> Token:
        token = self.next
        if not self.takes(text):
            raise self.unexpected(f"{text} {purpose}")
        return token

    @property
    def end(self) -> int:
        """Where the token that was taken last ends."""
        return self.tokens[self.position - 1].end

    # Errors

    def error(self, token: Token, rule: str, message: str, next_step: str | None = None) -> LanguageError:
        return LanguageError([Finding(rule, message, token.start, token.end, next_step)])

    def unexpected(self, expected: str) -> LanguageError:
        token = self.next
        if token.kind == "end":
            return self.error(token, "unfinished", f"The condition ends too early: {expected}.", WRITTEN)
        shown = token.text if len(token.text) <= 40 else token.text[:39] + "…"
        return self.error(token, "unexpected", f"{shown} cannot stand here: {expected}.", self.hint(token) or WRITTEN)

    def hint(self, token: Token) -> str | None:
        if token.text in ("=", "<", ">") and self.position and self.tokens[self.position - 1].text in "=<>!":
            return "Operators are = != < <= > >=; equality is one =."
        if token.kind == "name" and self.position:
            return did_you_mean(token.word, _WORDS) or "Text stands in quotes: 'abc'. Clauses are joined by AND or OR."
        return "Text stands in 'quotes', and clauses are joined by AND or OR." if token.kind != "symbol" else None

    def too_deep(self, token: Token) -> LanguageError:
        message = "The condition is nested too deep."
        return self.error(token, "too-deep", message, "Split it into several filters, or use IN for a list of values.")

    # Expressions, from the loosest to the tightest

    def logic(self) -> Expression:
        start = self.next.start
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.too_deep(self.next)
        left = self.comparison()
        operator = ""
        operands: list[Expression] = []
        while (word := self.next.word) in _LOGIC:
            if word != operator:
                left = self.fold(operator, left, operands, start)
                self.warn_of_mixture(operator, word, start)
                operator, operands = word, [left]
            self.take()
            operands.append(self.comparison())
        self.depth -= 1
        return self.fold(operator, left, operands, start)

    def fold(self, operator: str, single: Expression, operands: list[Expression], start: int) -> Expression:
        return _LOGIC[operator](tuple(operands), start=start, end=self.end) if operator else single

    def warn_of_mixture(self, first: str, second: str, start: int) -> None:
        if first not in ("OR", "XOR") or self.warnings or (first, second) == ("OR", "XOR"):
            return
        token = self.next
        self.warnings.append(
            Finding(
                "mixed-operators",
                f"{second} does not bind tighter than {first} here: they are read from left to right.",
                token.start,
                token.end,
                f"Put parentheses around what belongs together: ({self.text[start : self.end][:60]}) {second} …",
                severity="warning",
            )
        )

    def comparison(self) -> Expression:
        start = self.next.start
        left = self.sum(1)
        while True:
            if self.next.kind == "symbol":
                if self.next.text not in _COMPARISONS:
                    return left
                operator = _COMPARISONS[self.take().text]
                left = Comparison(operator, left, self.sum(1), start=start, end=self.end)
            elif self.next.kind != "name":
                return left
            elif self.infix("BETWEEN"):
                left = self.between(left, self.negation(), start)
            elif self.infix("CONTAINS"):
                negated = self.negation()
                left = Contains(left, self.sum(1), negated, start=start, end=self.end)
            else:
                return left

    def infix(self, word: str) -> bool:
        """Whether an infix operator comes next, with or without NOT."""
        return self.next.word == word or (self.next.word == "NOT" and self.after.word == word)

    def negation(self) -> bool:
        """Take an infix operator; whether NOT stood before it."""
        negated = self.takes("NOT")
        self.take()
        return negated

    def between(self, operand: Expression, negated: bool, start: int) -> Expression:
        low = self.sum(1)
        self.expect("AND", "is expected between the two ends of BETWEEN")
        high = self.sum(1)
        return Between(operand, low, high, negated, start=start, end=self.end)

    def sum(self, level: int) -> Expression:
        """Arithmetic: products at level 0, sums at level 1."""
        start = self.next.start
        left = self.sum(0) if level else self.test()
        while self.next.kind == "symbol" and self.next.text in _LEVELS[level]:
            operator = self.take().text
            right = self.sum(0) if level else self.test()
            left = Arithmetic(operator, left, right, start=start, end=self.end)
        return left

    def test(self) -> Expression:
        """A value, and the tests that may follow it."""
        start = self.next.start
        left = self.prefix()
        while self.next.kind == "name":
            if self.infix("LIKE"):
                negated = self.negation()
                left = Like(left, self.pattern("LIKE"), negated, start=start, end=self.end)
            elif self.infix("MATCHES"):
                negated = self.negation()
                left = Matches(left, self.pattern("MATCHES"), negated, start=start, end=self.end)
            elif self.infix("IN"):
                left = self.membership(left, self.negation(), start)
            elif self.next.word == "IS":
                left = self.is_null(left, start)
            else:
                break
        return left

    def pattern(self, operator: str) -> str:
        if self.next.kind != "text":
            raise self.unexpected(f"{operator} is followed by a pattern in quotes")
        return text_value(self.take())

    def membership(self, operand: Expression, negated: bool, start: int) -> Expression:
        self.expect("(", "opens the list of values after IN")
        items = self.arguments("IN")
        if not items:
            raise self.error(self.tokens[self.position - 1], "empty-list", "IN has no values to compare with.", WRITTEN)
        return In(operand, items, negated, start=start, end=self.end)

    def arguments(self, where: str) -> tuple[Expression, ...]:
        """Expressions between commas, up to and with the closing parenthesis."""
        found: list[Expression] = []
        if self.takes(")"):
            return ()
        while True:
            found.append(self.logic())
            if self.takes(")"):
                return tuple(found)
            self.expect(",", f"or ) is expected in the list of {where}")

    def is_null(self, operand: Expression, start: int) -> Expression:
        self.take()
        negated = self.takes("NOT")
        self.expect("NULL", "is expected after IS")
        return IsNull(operand, negated, start=start, end=self.end)

    def prefix(self) -> Expression:
        token = self.next
        if token.word not in ("NOT", "EXISTS") and token.text not in ("-", "+"):
            return self.primary()
        self.take()
        if token.word == "EXISTS":
            return Exists(self.name(), start=token.start, end=self.end)
        if token.kind == "symbol" and self.next.kind == "number":
            return self.number(token)
        if token.text == "+":
            raise self.unexpected("+ before a value needs a number")
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.too_deep(token)
        operand = self.prefix()
        self.depth -= 1
        if token.word == "NOT":
            return Not(operand, start=token.start, end=self.end)
        return Negate(operand, start=token.start, end=self.end)

    def primary(self) -> Expression:
        token = self.next
        if token.kind == "number":
            return self.number(None)
        if token.kind == "text":
            self.take()
            return Literal(text_value(token), start=token.start, end=token.end)
        if self.takes("("):
            inner = self.logic()
            self.expect(")", f"is missing: the parenthesis opened at character {token.start + 1} is not closed")
            return inner
        if token.word in ("TRUE", "FALSE"):
            self.take()
            return Literal(token.word == "TRUE", start=token.start, end=token.end)
        if token.kind == "name" and self.after.text == "(" and token.word not in KEYWORDS:
            return self.call()
        return self.name()

    def number(self, sign: Token | None) -> Literal:
        token = self.take()
        start = sign.start if sign else token.start
        text = ("-" if sign and sign.text == "-" else "") + token.text
        try:
            value = read_decimal(text) if "." in text else int(text)
        except (NumberTooLarge, ValueError) as error:
            raise self.error(token, "number-too-large", "The number is too large to work with.") from error
        return Literal(value, start=start, end=token.end)

    def call(self) -> Call:
        token = self.take()
        self.take()
        arguments = self.arguments(f"{token.word}( )")
        return Call(token.word, arguments, start=token.start, end=self.end)

    # Names

    def name(self) -> Name:
        token = self.next
        if token.kind not in ("name", "quoted") or token.word in KEYWORDS:
            raise self.unexpected(self.expected_value(token))
        self.take()
        parts: list[str | int] = [self.part(token)]
        while self.next.text in (".", "[") and self.next.kind == "symbol":
            parts.append(self.index() if self.take().text == "[" else self.part(self.name_part()))
        node = Name(tuple(parts), start=token.start, end=self.end)
        if token.kind == "name" and token.text in ROOTS and len(parts) > 1:
            return Name(tuple(parts[1:]), token.text, start=token.start, end=self.end)
        return node

    def expected_value(self, token: Token) -> str:
        if token.word in KEYWORDS:
            return f"a property or a value is expected (a property called {token.text} stands in `backticks`)"
        return "a property or a value is expected"

    def name_part(self) -> Token:
        if self.next.kind not in ("name", "quoted"):
            raise self.unexpected("a property's name is expected after the dot")
        return self.take()

    def part(self, token: Token) -> str:
        return quoted_name(token) if token.kind == "quoted" else token.text

    def index(self) -> int:
        token = self.take()
        if token.kind != "number" or not token.text.isdigit() or len(token.text) > 9:
            raise self.error(token, "bad-index", "A list's index is a whole number, from 0 on: items[0].", WRITTEN)
        self.expect("]", "closes the index")
        return int(token.text)
