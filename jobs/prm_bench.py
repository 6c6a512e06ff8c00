"""How long the steps of responses take to score: `python -m jobs.prm_bench`.

A random Llama of 184M parameters (12 layers of 768, Llama 3's vocabulary of 128,256, fp32) as a chat PRM; responses of
eight steps. In one run, in turns: this package's one pass a response; the naive way with the same batches, which
encodes the conversation again up to every step; and the loop of the authors' code (AdaptMI, math-rm/rm_classify.py),
which does so for one response at a time and makes the logits of all tokens.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from skillray.grading.prm import ChatPrm, Encoded
from skillray.grading.prm_model import Item, PrmModel
from skillray.loop.prm import with_words

STEPS, RESPONSES, TURNS = 8, 8, 3
QUESTION_WORDS, STEP_WORDS = 60, 30
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def main() -> None:
    prm, whole = make_model()
    items = make_items()
    ways: dict[str, Callable[[], list[list[float]]]] = {
        "one pass a response": lambda: [scores for scores in prm.score(items) if isinstance(scores, list)],
        "naive, same batches": lambda: naive(prm, items),
        "authors' loop, unbatched": lambda: unbatched(whole, prm, items),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, list[list[float]]] = {}
    for _ in range(TURNS):
        for name, way in ways.items():
            start = time.perf_counter()
            found[name] = way()
            seconds[name].append(time.perf_counter() - start)
    show({name: min(each) for name, each in seconds.items()}, found)


def make_model() -> tuple[PrmModel, Any]:
    """The scorer, and the whole model whose parts it uses."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=128_256,
        hidden_size=768,
        intermediate_size=2048,
        num_hidden_layers=12,
        num_attention_heads=12,
        num_key_value_heads=12,
        tie_word_embeddings=True,
    )
    whole, settings, tokenizer = (
        LlamaForCausalLM(config).eval(),
        ChatPrm(model="random", dtype="fp32"),
        make_tokenizer(),
    )
    return PrmModel(settings, tokenizer, whole.get_decoder(), with_words(whole, tokenizer), 4096), whole


def make_tokenizer() -> Any:
    """A word a token."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<unk>", "<|user|>", "<|assistant|>", "<|end|>"]
    words = [*special, "+", "-", *(f"w{n}" for n in range(1000))]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(special)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", chat_template=TEMPLATE)


def make_items() -> list[Item]:
    rng = random.Random(0)

    def text(words: int) -> str:
        return " ".join(f"w{rng.randrange(1000)}" for _ in range(words))

    return [(text(QUESTION_WORDS), [text(STEP_WORDS) for _ in range(STEPS)]) for _ in range(RESPONSES)]


def prefixes(prm: PrmModel, item: Item) -> list[Encoded]:
    """The conversation up to the score of every step, rendered and tokenised again for each."""
    (question, steps), chat, found = item, list[dict[str, str]](), []
    for number, step in enumerate(steps):
        chat.append({"role": "user", "content": step if number else f"{question} {step}"})
        text = prm.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        ids = prm.tokenizer(text, add_special_tokens=False)["input_ids"]
        found.append(Encoded(tuple(ids), (len(ids) - 1,)))
        chat.append({"role": "assistant", "content": "+"})
    return found


def naive(prm: PrmModel, items: Sequence[Item]) -> list[list[float]]:
    growing = [prefixes(prm, item) for item in items]
    steps = [prm.forward([each[step] for each in growing]) for step in range(STEPS)]
    return [[score for [score] in of_one] for of_one in zip(*steps, strict=True)]


def unbatched(whole: Any, prm: PrmModel, items: Sequence[Item]) -> list[list[float]]:
    import torch

    bad, good = (prm.tokenizer.convert_tokens_to_ids(word) for word in ("-", "+"))
    found = []
    with torch.inference_mode():
        for item in items:
            logits = [whole(input_ids=torch.tensor([each.ids])).logits[0, -1] for each in prefixes(prm, item)]
            found.append([float(torch.softmax(each[[bad, good]], -1)[1]) for each in logits])
    return found


def show(seconds: dict[str, float], found: dict[str, list[list[float]]]) -> None:
    ours, *others = found
    apart = max(
        abs(a - b)
        for other in others
        for mine, theirs in zip(found[ours], found[other], strict=True)
        for a, b in zip(mine, theirs, strict=True)
    )
    print(f"{RESPONSES} responses of {STEPS} steps; best of {TURNS}; scores are at most {apart:.1e} apart")
    print("| way | seconds | one pass takes of it |\n|---|---|---|")
    for name, best in seconds.items():
        print(f"| {name} | {best:.2f} | {seconds[ours] / best:.2f} |")


if __name__ == "__main__":
    main()
