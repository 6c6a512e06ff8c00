"""Chat templates in our own words, one for each known layout, and tokenizers that read them."""

from __future__ import annotations

from typing import Any

from tests.tiny import tiny_tokenizer

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
GEMMA = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system turns here') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n{{ m['content'] | trim }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
MISTRAL = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %} {{ m['content'] }}<|end|>{% else %}"
    "[INST] {{ m['content'] }} [/INST]{% endif %}{% endfor %}"
)
SPACE = (
    "{% for m in messages %}{{ m['role'] | upper }}: {{ m['content'] }}{% if m['role'] == 'assistant' %}<|end|>"
    "{% endif %}{{ '\n' }}{% endfor %}{% if add_generation_prompt %}ASSISTANT: {% endif %}"
)
R1 = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}<|assistant|>"
    "{{ m['content'].split('</think>')[-1] }}<|end|>{% else %}<|user|>{{ m['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
)
ALWAYS_OPEN = R1.replace("<|assistant|>{{", "<|assistant|><think>\n{{")
NO_THINKING = R1.replace("<think>\n", "<think>\n\n</think>\n\n")
QWEN3 = R1.replace("<|assistant|>{{", "<|assistant|><think>\n\n</think>\n\n{{").replace(
    "<|assistant|><think>\n{% endif",
    "<|assistant|>{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n"
    "{% endif %}{% endif",
)
PARTS = (
    "{% for m in messages %}<|{{ m['role'] }}|>{% for part in m['content'] %}{% if part['type'] == 'text' %}"
    "{{ part['text'] }}{% endif %}{% endfor %}{% if m['role'] == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
WANTS_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}{{ raise_exception('first a system turn') }}{% endif %}" + CHATML
)
DATED = "<|user|>Today Date: {{ strftime_now('%d %b %Y') }}\n" + CHATML
NO_END = (
    "{% for m in messages %}### {{ m['role'] }}:\n{{ m['content'] }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}### assistant:\n{% endif %}"
)
NO_PROMPT = CHATML[: CHATML.index("{% if add")]


def tokenizer_with(template: str, *, marks: tuple[str, ...] = (), merges: bool = False, **tokens: Any) -> Any:
    """The tiny tokenizer with another template, more tokens that are no text, and other special tokens. `merges`: as
    GPT-2's, it joins a space and the word behind it."""
    tokenizer = tiny_tokenizer()
    if merges:
        tokenizer = _merging(tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": list(marks)}, replace_extra_special_tokens=False)
    tokenizer.chat_template = template
    for name, value in tokens.items():
        setattr(tokenizer, name, value)
    return tokenizer


def _merging(plain: Any) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from tests.tiny import SPECIAL, TEMPLATE

    vocabulary = plain.get_vocab() | {"ĠI": 300, "ĠIt": 301}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[("Ġ", "I"), ("ĠI", "t")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|end|>", chat_template=TEMPLATE
    )
