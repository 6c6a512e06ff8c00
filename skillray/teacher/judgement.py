"""Whether a teacher's word on an answer means that the answer is right: read by words, never by parts of words.

A word may be negated ("not correct"), weakened ("partially correct": not right), or stand in another language. What is
unclear, or says both, is no judgement: it must never become its opposite.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


_RIGHT = _words(
    "correct right true yes accurate valid pass passed passes success successful perfect flawless ok okay",
    "correctly richtig korrekt ja wahr stimmt correcto correcta si sí verdadero verdadera cierto juste vrai vraie",
    "exact exacte oui corretto corretta giusto giusta sì vero vera correto certo certa sim verdadeiro goed juist",
    "waar rätt riktig riktigt sant korrekte rigtig oikein prawidłowa prawidłowo poprawna poprawny poprawnie tak",
    "správně správný ano doğru evet правильно правильный правильная верно верный верная да истина правда вірно",
    "σωστό σωστή ναι صحيح صحيحة نعم נכון נכונה כן सही đúng benar",
)
_WRONG = _words(
    "incorrect wrong false inaccurate invalid fail failed fails failure mistaken erroneous flawed incorrectly",
    "wrongly error errors mistake mistakes incomplete faulty untrue falsch inkorrekt unrichtig nein fehlerhaft",
    "unvollständig fehler incorrecta incorrecto falso falsa equivocado equivocada erróneo errónea faux fausse",
    "incorrecte inexact inexacte erroné erronée errato errata sbagliato sbagliata scorretto scorretta incorreto",
    "incorreta errado errada incorretto fout onjuist onwaar nee fel galt feil forkert väärin nieprawidłowa",
    "nieprawidłowo niepoprawna niepoprawny błędna błędny nie nesprávně ne yanlış hayır неправильно неправильный",
    "неправильная неверно неверный неверная нет ошибка ошибочно ложь невірно λάθος όχι خطأ خاطئة خاطئ לא שגוי",
    "שגויה गलत sai salah unsuccessful",
)
_NOT = _words(
    "not no never non neither nor cannot without free lacks isn wasn nicht kein keine pas ni aucune aucun sans",
    "sin não nao sem senza niet geen inte ikke ei не нет без nie není değil ليس ليست غير không tidak bukan",
)
_WEAK = _words(
    "partially partly partial mostly somewhat almost nearly half incomplete semi largely barely teilweise",
    "größtenteils fast parcialmente parcial casi partiellement partielle presque parzialmente quasi deels",
    "gedeeltelijk bijna delvis częściowo částečně kısmen частично почти отчасти جزئيا חלקית",
)
"""Words that take something away: an answer that is partly right is not right."""
_UNSURE = _words(
    "maybe perhaps possibly probably likely unclear unsure uncertain unknown undetermined ambiguous either or if",
    "whether might could vielleicht unklar oder quizás talvez peut возможно неясно forse kanske",
)
_BETWEEN = _words(
    "a an the is are was at all so quite really entirely fully completely totally wholly strictly mathematically",
    "technically exactly absolutely very actually even any be been being it this that answer t s es ist ganz",
    "völlig vollständig est tout entièrement complètement totalement del todo completamente totalmente è é está",
    "helt совсем полностью вполне significant major single 100 mathematical arithmetic",
)
"""Words that may stand between a negation and what it negates."""
_OF_A_PART = _words(
    "approach method reasoning idea setup set-up process strategy formula steps thinking start beginning units",
)
"""What can be right in an answer that is wrong."""
_CONTRACTED = re.compile(r"(?:n['’`]t)\b")
_LETTERS = {"y": True, "t": True, "n": False, "f": False}
_CLAUSE = re.compile(r"[.;:!()\[\]\n—–|]+|\s-\s|\b(?:because|since|as|weil|car|porque|perché|потому)\b")
_FRACTION = re.compile(r"(\d+(?:\.\d+)?)\s*(?:/|out of|of)\s*(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)\s*%")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_SIGNS = {"✓": " correct ", "✔": " correct ", "✅": " correct ", "☑": " correct ", "👍": " correct "} | {
    "✗": " wrong ", "✘": " wrong ", "❌": " wrong ", "✖": " wrong ", "☒": " wrong ", "👎": " wrong "
}  # fmt: skip
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_CJK_FREE = re.compile(
    r"(?:没有|沒有|无|無)(?:任何)?(?:错误|錯誤|错|錯|誤り)"
    r"|(?:誤り|間違い)(?:は|が)?(?:ない|なし|ありません)|오류(?:가|는)?\s*없"
)
"""No errors."""
_CJK_WRONG = re.compile(
    r"[不非](?:太|完全|够|夠)?(?:正确|正確|对|對|正解|是)|不是(?:完全)?(?:正确|正確|对|對)|错|錯|误|誤|否"
    r"|間違|正しく(?:な|あり)|正解(?:では|じゃ)(?:な|あり)|正しいとは言え|不正|いいえ"
    r"|틀|오답|(?:정답이?|맞는\s*것이?)\s*아[니닙닌]|아니|아닙|아닌|(?:맞지|옳지|정확하지)\s*않|부정확|거짓|잘못"
)
_CJK_WEAK = re.compile(r"部分|基本|大致|大体|半|一部|ほぼ|부분|거의|大部分|不完全|未完")
_CJK_RIGHT = re.compile(r"正确|正確|对|對|正解|正しい|はい|是|真|맞|정답|옳|정확|참|예")


def means_right(judgement: Any) -> bool | None:
    """True for right, False for not (wholly) right, None where that cannot be told.

    Args:
        judgement: whatever stands where a judgement was asked for: text, boolean, number, or one of them in a list or
            an object.
    """
    if isinstance(judgement, bool):
        return judgement
    if isinstance(judgement, int | float):
        return {0.0: False, 1.0: True}.get(float(judgement))
    if isinstance(judgement, list):
        judgement = judgement[0] if len(judgement) == 1 else None
        return None if isinstance(judgement, list) else means_right(judgement)
    if isinstance(judgement, dict):
        words = [value for value in judgement.values() if isinstance(value, str | bool)]
        return means_right(words[0]) if len(judgement) == len(words) == 1 else None
    return _read(judgement) if isinstance(judgement, str) else None


def _read(text: str) -> bool | None:
    text = unicodedata.normalize("NFKC", text).casefold()[:2_000]
    if (share := _share(text)) is not None:
        return share
    if (letter := text.strip(" \"'*`.()")) in _LETTERS:
        return _LETTERS[letter]
    if _CJK.search(text):
        return _read_cjk(text)
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    text = _CONTRACTED.sub(" not", text).replace("-free", " free")
    text = re.sub(r"\bin-\s?correct\b", "incorrect", text)
    for clause in _CLAUSE.split(text):
        said = _of_clause(clause)
        if said:
            return said.pop() if len(said) == 1 else None
    return None


def _share(text: str) -> bool | None:
    """Of a bare number: a share of what can be reached, or 0 or 1."""
    text = text.strip(" \"'*`.()")
    if match := _FRACTION.fullmatch(text):
        got, most = (match[1], match[2]) if match[2] else (match[3], "100")
        return float(got) >= float(most) if float(got) in (0.0, float(most)) and float(most) > 0 else None
    return {0.0: False, 1.0: True}.get(float(text)) if _NUMBER.fullmatch(text) else None


def _of_clause(clause: str) -> set[bool | None]:
    """What a clause says of the answer, each thing once; None for doubt. What a comma cuts off says it on its own."""
    said: set[bool | None] = set()
    for part in clause.split(","):
        words = re.findall(r"[^\W_]+(?:-[^\W_]+)*", part.replace("_", " "))
        if said and re.search(r"\bthe (?:correct|right|true|actual)\b", part):
            continue  # "incorrect, the right answer is 5"
        said |= _of_words(words)
    return said


def _of_words(words: list[str]) -> set[bool | None]:
    if _UNSURE & set(words) and (_RIGHT | _WRONG) & set(words):
        return {None}
    said: set[bool | None] = set()
    weak = bool(_WEAK & set(words))
    for place, word in enumerate(words):
        if word not in _RIGHT and word not in _WRONG:
            continue
        if word in _RIGHT and words[place + 1 : place + 2] and words[place + 1] in _OF_A_PART:
            continue
        if word == "right" and words[place + 1 : place + 2] == ["away"]:
            continue
        right = word in _RIGHT
        if _is_negated(words, place):
            right = not right
        said.add(right and not weak)
    if not said and (alone := [word for word in words if word in ("no", "non", "nicht", "not", "нет", "nie", "não")]):
        return {False} if len(alone) == len(words) == 1 else set()
    return {False} if weak and (said or len(words) <= 2) else said


def _is_negated(words: list[str], place: int) -> bool:
    """An even number of negations before a word, or behind it as in "error-free", negates nothing."""
    count, before = 0, place - 1
    while before >= 0 and (words[before] in _NOT or words[before] in _BETWEEN):
        count += words[before] in _NOT
        before -= 1
    behind = words[place + 1 : place + 2]
    return (count + (behind == ["değil"]) + (behind == ["free"])) % 2 == 1


def _read_cjk(text: str) -> bool | None:
    text = _CJK_FREE.sub("正确", text)
    wrong = bool(_CJK_WRONG.search(text))
    right = bool(_CJK_RIGHT.search(_CJK_WRONG.sub(" ", text)))
    if _CJK_WEAK.search(text):
        return False
    return None if wrong == right else right
