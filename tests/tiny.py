"""A student small enough for a test: a random Llama and a byte-level BPE tokenizer with a chat template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skillray.training.examples import encode_chats, token_columns

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}"
    "{% if m['role'] == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"]


def tiny_tokenizer() -> Any:
    """Bytes and four special tokens: 260 ids, no merges."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|end|>", chat_template=TEMPLATE
    )


def encode_chat(tokenizer: Any, question: str, response: str) -> tuple[list[int], list[bool]]:
    """(token ids, loss mask) of one chat, as lists."""
    columns = token_columns(encode_chats(tokenizer, [(question, response)]))
    return columns["input_ids"][0].as_py(), columns["loss_mask"][0].as_py()


def save_tiny_student(folder: Path, *, hidden: int = 64, layers: int = 2, seed: int = 0, positions: int = 256) -> str:
    """A Hugging Face folder; the MLP matrices have over 10^5 elements, which ZeRO 3 really partitions."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tiny_tokenizer()
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2048,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=positions,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    torch.nn.init.normal_(model.get_input_embeddings().weight, std=0.02)  # of the padding too, as in a trained model
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def save_tiny_bert(folder: Path) -> str:
    """An encoder as embedding models are: no head, attention to both sides, [CLS] and [SEP] around a text."""
    import torch
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertModel

    tokenizer = tiny_tokenizer()
    ends = [("<|user|>", tokenizer.convert_tokens_to_ids("<|user|>")), ("<|end|>", tokenizer.eos_token_id)]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<|user|> $A <|end|>", special_tokens=ends)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
