r"""The reader of final answers: where in a response its final answer stands, and what it says.

A response is read in this order, thoughts left out (`skillray.thoughts`): an `<answer>` element; the last box, which is
whatever LaTeX sets as one; the last line that is an answer by its label (`#### 18`, `Answer: 18`); the last phrase that
names one ("the answer is 18"), in the languages of `_NOUNS`. A mark that is written for nothing else comes before what
anybody may write: a heading of four hashes is no answer, and neither is what stands in front of a box.
"""

from __future__ import annotations

import re

from skillray.grading.normalise import clean
from skillray.thoughts import blank_thoughts

Span = tuple[int, int]

MAX_RESPONSE = 4000
"""Characters at its end that are searched for labels and phrases; boxes are looked for in all of it."""
MAX_FREE_TEXT = 1000
"""Characters at its end that are searched for a formula or a number where no answer is marked."""
MAX_LABELLED_WORDS = 8
"""Words behind `Answer:` from which on, without a digit or a formula, a solution begins there and no answer."""

_BOX = re.compile(
    r"\\(?:(?:boxed|fbox|framebox|mathbox|bbox|Boxed)(?![A-Za-z])\s*(?:\[[^\]\n]*\]\s*)*"
    r"|colorbox\s*\{[^{}]*\}\s*|fcolorbox\s*\{[^{}]*\}\s*\{[^{}]*\}\s*)"
)
_TOKEN_BOX = re.compile(r"<\|begin_of_box\|>(.*?)<\|end_of_box\|>", re.DOTALL)
"""GLM's box."""
_BARE_BOX = re.compile(r"(?P<math>[^$\n]+?)(?=\$|\\\)|\\\]|\\\\|\\end\b)|(?P<word>[^\s$]+)")
r"""Of `\boxed 5`: up to the end of the formula, as MATH's own extraction has it, else one word."""
_JOINED = re.compile(
    r"(?:(?:,|;|&|，|、|\\quad|\\text\{\s*(?:and|or)\s*,?\s*\}|(?:\b(?:and|or|und|oder|et|ou|y|o|e|и|или)\b)|和|或|及)\s*)+"
    r"(?:[A-Za-z](?:_\{?\w+\}?)?\s*=)?"
)
r"""What stands between two boxes that together are one answer: `\boxed{1} or \boxed{2}`, `x=\boxed{1}, x=\boxed{2}`."""
_DELIMITERS = re.compile(r"\$|\\[()\[\]]|\*\*|\s+")

_EMPTY = re.compile(
    r"(?:[\s$.]|\\[()\[\]]|\\(?:boxed|fbox|text|mathrm|mathbf|textbf)\s*\{(?:\s|\\(?:text|mathrm)\s*\{\s*\})*\})*"
)
r"""What says nothing: MATH has solutions that end in "the answer is $\boxed{}$"."""
_ELEMENT = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.DOTALL | re.IGNORECASE)
_HASHES = re.compile(r"^[ \t>]*####(?!#)[ \t]*(?P<answer>[^\n]*?)[ \t#]*$", re.MULTILINE)
_HEADING = re.compile(
    r"[*_\s]*(?:(?:\d+|[IVX]+|[a-z])[.):]\s+(?=[^\d\s])|(?:step|part|case|phase|stage|section|method|approach|solution|conclusion|"
    r"(?:final |correct )?answer|final|result|check|verif\w+|explanation|reasoning|summary|note|given|problem|question|"
    r"setup|set up|analysis|understand\w*|calculat\w+|comput\w+|solv\w+|simplif\w+|determin\w+|find\w*|identify\w*|"
    r"substitut\w+|proof|example|interpretation|recap|overview)\b)",
    re.IGNORECASE,
)
"""How a heading begins that the last line may be, where a response was cut off."""
_PLAIN_MARK = re.compile(r"[*_\s]*\\?[-+–−$€£¥(\[{\\.]*\d[^:?]*|[*_\s]*\$[^$]+\$[^:?]*")
"""What must stand behind four hashes that more text follows: a number or a formula, and no title."""

_NOUNS = (
    r"(?:final |correct |right )*(?:answer|ans)(?: to (?:the|this) (?:question|problem))?|final (?:result|solution)"
    r"|(?:最终|最后|正确|最終|最後|正確)?的?(?:答案|答え|解答|答)|(?:최종 ?)?(?:정답|답)"
    r"|(?:endgültige |richtige )?antwort|endergebnis|réponse(?: finale| correcte)?|respuesta(?: final| correcta)?"
    r"|risposta(?: finale| corretta)?|resposta(?: final| correta)?|(?:окончательный |правильный )?ответ|відповідь"
    r"|odpowiedź|antwoord|eindantwoord|svar(?:et)?|vastaus|válasz|răspuns(?:ul)?|cevap|jawaban(?:nya)?|đáp (?:án|số)"
    r"|الجواب|الإجابة|उत्तर|απάντηση|תשובה"
)
"""How a final answer is called: English, Chinese, Japanese, Korean, German, French, Spanish, Italian, Portuguese,
Russian, Polish, Dutch, Scandinavian, Finnish, Turkish, Indonesian, Vietnamese, Arabic, Hindi and some others."""
_IS = (
    r"is|are|was|would be|will be|should be|must be|equals|=|是|为|為|就是|は|が|은|는|ist|sind|lautet|beträgt|est|sont"
    r"|es|son|è|é|sono|são|равен|равно|равна|это|to jest|to|jest|adalah|là|är|er|on|هو|है"
)
_LABEL = re.compile(
    rf"^[ \t>#*_\-]*(?:(?:the|my|die|la|a|il|het)\s+)?(?:{_NOUNS})[ \t*_]*"
    r"(?:[:：=]|(?<=[*_])(?=[ \t]*\n)|(?<=\w)(?=[ \t]*\n)|—)[ \t*_]*(?P<answer>(?:\n\s*)?[^\n]+)",
    re.MULTILINE | re.IGNORECASE,
)
_LETTER_LABEL = re.compile(r"^[ \t*]*A[ \t*]*:[ \t*]*(?P<answer>[^\n]+)$", re.MULTILINE | re.IGNORECASE)
_OPTION_LINE = re.compile(r"^[ \t*(]*B[ \t*]*[:.)]", re.MULTILINE)
"""Where one is, a line that begins with `A:` is an option and no answer."""
_PHRASE = re.compile(
    rf"(?:(?<![^\W\d_])(?:{_NOUNS})\s*(?:{_IS})(?![A-Za-z])|(?:option|choice)\s+is(?![A-Za-z])|故?选(?:项)?|(?:{_NOUNS})\s*[:：])"
    r"\s*[:：]?[ \t]*(?P<answer>(?:\n\s*)?[^\n]+)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(
    r"\.(?=\s|\*|$)|[。．！!?？]|\s(?:because|since)\s|,\s(?:so|because|since|which|as|where|and (?:we|the|so))\s|"
    r"(?:です|でした|である|となります|입니다|이다|예요|이에요)"
)
_DISPLAY = {"\\[": "\\]", "$$": "$$"}
_LEADING_FORMULA = re.compile(r"[*\s]*(\$\$?[^$]+\$\$?|\\\(.+?\\\)|\\\[.+?\\\])(?P<rest>.*)", re.DOTALL)

_FORMULA = re.compile(r"(?<!\\)\$\$?([^$\n]+?)(?<!\\)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_LATEX_WORD = re.compile(r"(?P<answer>[^\s$]*\\(?:[dtc]?frac|sqrt|pi|cdot|times|binom)\b[^\s$]*)")
_NUMBER = re.compile(
    r"(?<![\w.,:/^])(?P<answer>[-+–−]?[$€£¥]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)"
    r"(?:[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]|(?:\s+(?:and\s+)?\d+)?/\d+|[eE][-+]?\d+|\s?(?:[x×*]|\\times)\s?10\s?(?:\^|\*\*)\s?[-+]?\d+)?"
    r"(?:[-+*/^]+\d+)*\s?%?)(?![\w:/^]|[.,]\d)"
)


def extract_answer(response: str) -> str | None:
    r"""The marked final answer as it is written, cleaned (`normalise.clean`); None where none is marked.

    Boxes that belong together (`\boxed{1} or \boxed{2}`) are one answer, their contents in order with commas.
    """
    parts = [clean(response[slice(*span)]) for span in answer_spans(response)]
    return ", ".join(dict.fromkeys(part for part in parts if part)) or None


def answer_span(response: str) -> Span | None:
    """Start and end of the marked final answer without the spaces around it; of several boxes, of the last one."""
    return next(reversed(answer_spans(response)), None)


def answer_spans(response: str) -> list[Span]:
    """Start and end of every part of the marked final answer, in order; empty where none is marked."""
    return _read(blank_thoughts(response))


def read_answers(response: str) -> tuple[str, ...]:
    r"""What counts as the final answer, first to last; empty where there is none.

    The marked answer, else the last formula or number that is written (`so \( x = 6 \)`, "that leaves 6"). Of several
    boxes that belong together also the last one alone: it is the answer by the convention of MATH's authors.
    """
    marked = extract_answer(response)
    if marked is not None:
        last = clean(response[slice(*answer_spans(response)[-1])])
        return tuple(dict.fromkeys((marked, last)))
    text = blank_thoughts(response)
    loose = None if _never_ended(text) else _loose(text[-MAX_FREE_TEXT:])
    return () if loose is None else (loose,)


def stated_answer(solution: str) -> str | None:
    """The answer of a solution by a mark that is no mere phrase: an element, a box (of several the last one, as MATH's
    authors do), or a line with four hashes."""
    spans, text = answer_spans(solution), blank_thoughts(solution)
    if not spans or not (_ELEMENT.search(text) or _boxes(text) or _hash_marks(text)):
        return None
    return clean(solution[slice(*spans[-1])])


def split_hashes(text: str) -> tuple[str, str]:
    """(solution, answer) of GSM8K's form, a solution that ends in a line `#### X`; "" where there is no answer."""
    marks = _hash_marks(text)
    if not marks:
        return text, ""
    start, end = marks[-1]
    return text[: text.rindex("####", 0, start)].strip(), text[start:end]


def _read(text: str) -> list[Span]:
    elements = [span for match in _ELEMENT.finditer(text) if (span := _filled(text, _bare(text, *match.span(1))))]
    boxes = _last_boxes(text)
    if elements and not (boxes and boxes[-1][0] > elements[-1][1]):
        start, end = elements[-1]
        inner = _last_boxes(text[start:end]) or _marked(text[start:end])
        return [(start + left, start + right) for left, right in inner] or [(start, end)]
    if boxes or _never_ended(text):
        return boxes
    return _marked(text)


def _marked(text: str) -> list[Span]:
    """The last line with a label, else the last phrase, of the last MAX_RESPONSE characters."""
    skipped = max(0, len(text) - MAX_RESPONSE)
    tail = text[skipped:]
    spans = [*_hash_marks(tail), *_labels(tail)]
    if not spans:
        phrases = (_phrase(tail, *match.span("answer")) for match in _PHRASE.finditer(tail))
        spans = [span for phrase in phrases if (span := _filled(tail, phrase)) and _is_answer(tail[slice(*span)])]
    return [(skipped + start, skipped + end) for start, end in [max(spans)]] if spans else []


def _last_boxes(text: str) -> list[Span]:
    """The insides of the last box and of those before it that belong to the same answer."""
    boxes = [box for box in _boxes(text) if _filled(text, box[1])]
    if not boxes or _never_ended(text):
        return []
    first = len(boxes) - 1
    while first and _JOINED.fullmatch(_DELIMITERS.sub(" ", text[boxes[first - 1][0][1] : boxes[first][0][0]]).strip()):
        first -= 1
    return [span for _, inside in boxes[first:] if (span := _bare(text, *inside))]


def _boxes(text: str) -> list[tuple[Span, Span]]:
    """(whole, inside) of every box that is closed, in order; of boxes in each other the outer one."""
    boxes = [(match.span(), match.span(1)) for match in _TOKEN_BOX.finditer(text)]
    position = 0
    while command := _BOX.search(text, position):
        inside = _inside(text, command.end())
        if inside is None:
            break
        end = inside[1] + (text[command.end() : command.end() + 1] == "{")
        boxes.append(((command.start(), end), _unboxed(text, inside)))
        position = max(end, command.end())
    return sorted(boxes)


def _unboxed(text: str, inside: Span) -> Span:
    r"""The inside of `\boxed{\boxed{5}}`'s inner box."""
    span = _bare(text, *inside) or inside
    command = _BOX.match(text, span[0])
    inner = _inside(text, command.end()) if command else None
    return _unboxed(text, inner) if inner and inner[1] + 1 == span[1] else inside


def _inside(text: str, start: int) -> Span | None:
    """What the box holds whose command ends at `start`; None where its brace is never closed."""
    if not text.startswith("{", start):
        bare = _BARE_BOX.match(text, start)
        return bare.span() if bare else (start, start)
    depth = 0
    for brace in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return start + 1, brace.start()
    return None


def _never_ended(text: str) -> bool:
    """Whether the text ends within a box: what stands before it is no final answer."""
    commands = list(_BOX.finditer(text))
    return bool(commands) and _inside(text, commands[-1].end()) is None


def _hash_marks(text: str) -> list[Span]:
    """Answers behind four hashes. Those of a heading are none: the line must be the last, or hold a number alone."""
    end = len(text.rstrip())
    marks = []
    for match in _HASHES.finditer(text):
        is_last = match.end() >= end
        content = match["answer"]
        if not _HEADING.match(content) and (is_last or _PLAIN_MARK.fullmatch(content)):
            marks.append(_bare(text, *match.span("answer")))
    return [mark for each in marks if (mark := _filled(text, each))]


def _labels(text: str) -> list[Span]:
    matches = list(_LABEL.finditer(text))
    if not _OPTION_LINE.search(text):
        matches += _LETTER_LABEL.finditer(text)
    spans = (_filled(text, _displayed(text, *match.span("answer"))) for match in matches)
    return [span for span in spans if span and _is_answer(text[slice(*span)])]


def _filled(text: str, span: Span | None) -> Span | None:
    """The span, where it says something."""
    return None if span is None or _EMPTY.fullmatch(text, *span) else span


def _is_answer(content: str) -> bool:
    return len(content.split()) <= MAX_LABELLED_WORDS or bool(re.search(r"[\d$\\]", content))


def _phrase(text: str, start: int, end: int) -> Span | None:
    """What a phrase names: up to the end of its sentence, or the formula that it begins with and a word or two."""
    span = _displayed(text, start, end)
    if span is None:
        return None
    start, end = span
    formula = _LEADING_FORMULA.match(text[start:end])
    if formula:
        behind = _SENTENCE_END.split(formula["rest"], maxsplit=1)[0]
        joined = re.match(r"\s*(?:,|and\b|or\b)\s*[$\\]", formula["rest"])
        stop = end if joined else start + formula.end(1) + (len(behind) if len(behind.split()) <= 3 else 0)
        return _bare(text, start, stop)
    return _bare(text, start, start + len(_SENTENCE_END.split(text[start:end], maxsplit=1)[0]))


def _displayed(text: str, start: int, end: int) -> Span | None:
    """The span without spaces and bold marks, or to the end of the formula that its line only begins."""
    span = _bare(text, start, end)
    opening = text[slice(*span)] if span else ""
    if span and opening in _DISPLAY:
        closing = text.find(_DISPLAY[opening], span[1])
        return (span[0], closing + len(opening)) if closing > 0 else None
    return span


def _loose(text: str) -> str | None:
    """The last formula or number of a text without a marked answer."""
    formulas = [(match.start(), match.end(), clean(match[match.lastindex or 0])) for match in _FORMULA.finditer(text)]
    spans = [*((start, end, part) for start, end, part in formulas if _says_something(part))]
    bare = text
    for start, end, _ in formulas:
        bare = bare[:start] + "\0" * (end - start) + bare[end:]
    for pattern in (_LATEX_WORD, _NUMBER):
        spans += [(match.start(), match.end(), clean(match["answer"])) for match in pattern.finditer(bare)]
    return _longest_last(spans)


def _longest_last(spans: list[tuple[int, int, str]]) -> str | None:
    last: tuple[int, int, str] | None = None
    for span in sorted(spans):
        if last is None or span[0] >= last[1]:  # a number within a formula is no answer of its own
            last = span
    return last[2] if last and last[2] else None


def _says_something(formula: str) -> bool:
    """A letter alone is the name of something."""
    return bool(re.search(r"\d|\\(?:pi|infty|emptyset|sqrt|frac)|[A-Za-z]\s*[-+*/^=]", formula))


def _bare(text: str, start: int, end: int) -> Span | None:
    """A span without spaces around it, and without the bold marks that open or close there."""
    part = text[start:end]
    start += len(part) - len(part.lstrip(" \t\r\n*"))
    end = start + len(part.strip(" \t\r\n*"))
    return (start, end) if start < end else None
