"""Tiny random reward models of the three architectures, with tokenizers of the same make, and what their authors' own
code makes of them: none of it is ours, and each score is a pass of its own over the text up to its step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

SEPARATOR = "<extra_0>"
LLAMA_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
QWEN_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA_MARKS = ["<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"]
QWEN_MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", SEPARATOR]
Reference = Callable[[str, str, Sequence[str]], list[float]]
"""(folder, question, steps) -> one score a step."""


def bytes_tokenizer(marks: Sequence[str], template: str, texts: Sequence[str] = ("\n\n\n\n",)) -> Any:
    """As Llama 3's and Qwen2's: bytes, merged where `texts` say, with control tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, min_frequency=1, special_tokens=list(marks), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=marks[0], eos_token=marks[1], chat_template=template
    )


def pieces_tokenizer() -> Any:
    """As Mistral's: SentencePiece, with a mark before words, bytes for what is unknown, and <s> at the beginning."""
    from tokenizers import Tokenizer, decoders, models, normalizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = "▁абкиabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-*/=.,:;?!()$#\\{}"
    merged = [("▁", "+"), ("▁", "-"), ("к", "и"), ("▁", "ки")]
    words = ["<unk>", "<s>", "</s>", *(f"<0x{n:02X}>" for n in range(256)), *letters, *("".join(m) for m in merged)]
    model = models.BPE({word: n for n, word in enumerate(words)}, merged, unk_token="<unk>", byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>")


def save_reward_models(folder: Path) -> dict[str, str]:
    """chat_prm (Llama), tag_prm (Mistral) and token_prm (Qwen2 with a head of two layers) -> their folders."""
    from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2Model

    sizes = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 500, "initializer_range": 0.3,
    }  # fmt: skip
    torch.manual_seed(0)
    made = {
        "chat_prm": (bytes_tokenizer(LLAMA_MARKS, LLAMA_TEMPLATE), LlamaConfig, LlamaForCausalLM, {}),
        "tag_prm": (pieces_tokenizer(), MistralConfig, MistralForCausalLM, {"sliding_window": None}),
        "token_prm": (bytes_tokenizer(QWEN_MARKS, QWEN_TEMPLATE), Qwen2Config, Qwen2Model, {}),
    }
    for name, (tokenizer, config, model, more) in made.items():
        model(config(vocab_size=len(tokenizer), **sizes, **more)).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    _publish_as_qwen_does(folder / "token_prm")
    return {name: str(folder / name) for name in made}


def _publish_as_qwen_does(folder: Path) -> None:
    """Its tensors' names, with a head that no class of transformers has."""
    from safetensors.torch import load_file, save_file

    body = load_file(folder / "model.safetensors")
    body = {name if name.startswith("model.") else f"model.{name}": tensor for name, tensor in body.items()}
    head = {"score.0.weight": (32, 32), "score.0.bias": (32,), "score.2.weight": (2, 32), "score.2.bias": (2,)}
    save_file(body | {name: 0.1 * torch.randn(shape) for name, shape in head.items()}, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config |= {"architectures": ["Qwen2ForProcessRewardModel"], "auto_map": {"AutoModel": "modeling.Evil"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modeling.py").write_text("raise SystemExit('remote code ran')\n")


def as_rlhflow(folder: str, question: str, steps: Sequence[str]) -> list[float]:
    """RLHFlow's prm_evaluate.py and AdaptMI's rm_classify.py: the chat grows by a step and its +, and what predicted
    the last + stands three tokens before the end.
    """
    tokenizer, model = _loaded(folder)
    plus, minus = tokenizer.encode("+")[-1], tokenizer.encode("-")[-1]
    chat, found = [], []
    for number, step in enumerate(steps):
        chat += [{"role": "user", "content": f"{question} {step}" if number == 0 else step}]
        chat += [{"role": "assistant", "content": "+"}]
        ids = tokenizer.apply_chat_template(chat, return_tensors="pt", return_dict=False)
        with torch.inference_mode():
            logits = model(ids).logits[0, -3, [plus, minus]]
        found.append(float(logits.softmax(-1)[0]))
    return found


def as_math_shepherd(folder: str, question: str, steps: Sequence[str]) -> list[float]:
    """The card of peiyi9979/math-shepherd-mistral-7b-prm, for a text that grows by a step."""
    tokenizer, model = _loaded(folder)
    candidates, tag = tokenizer.encode("+ -")[1:], tokenizer.encode("ки")[-1]
    found = []
    for count in range(1, len(steps) + 1):
        text = "\n".join(f"Step {number}: {step} ки" for number, step in enumerate(steps[:count], 1))
        ids = torch.tensor([tokenizer.encode(f"{question} {text}")])
        with torch.inference_mode():
            scores = model(ids).logits[:, :, candidates].softmax(-1)[:, :, 0]
        found.append(float(scores[ids == tag][-1]))
    return found


def as_qwen(folder: str, question: str, steps: Sequence[str]) -> list[float]:
    """The card of Qwen/Qwen2.5-Math-PRM-7B, for an answer that grows by a step."""
    from safetensors.torch import load_file
    from transformers import AutoTokenizer, Qwen2Model

    tokenizer, body = AutoTokenizer.from_pretrained(folder), Qwen2Model.from_pretrained(folder, dtype=torch.float32)
    head = {name: tensor for name, tensor in load_file(f"{folder}/model.safetensors").items() if "score" in name}
    system, found = "Please reason step by step, and put your final answer within \\boxed{}.", []
    for count in range(1, len(steps) + 1):
        chat = [{"role": "system", "content": system}, {"role": "user", "content": question}]
        chat += [{"role": "assistant", "content": SEPARATOR.join(steps[:count]) + SEPARATOR}]
        ids = tokenizer.encode(tokenizer.apply_chat_template(chat, tokenize=False), return_tensors="pt")
        with torch.inference_mode():
            hidden = body.eval()(ids).last_hidden_state
            inner = torch.relu(hidden @ head["score.0.weight"].T + head["score.0.bias"])
            scores = (inner @ head["score.2.weight"].T + head["score.2.bias"]).softmax(-1)[..., 1]
        found.append(float(scores[ids == tokenizer.encode(SEPARATOR)[0]][-1]))
    return found


def _loaded(folder: str) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return AutoTokenizer.from_pretrained(folder), model


REFERENCES: dict[str, Reference] = {"chat_prm": as_rlhflow, "tag_prm": as_math_shepherd, "token_prm": as_qwen}
