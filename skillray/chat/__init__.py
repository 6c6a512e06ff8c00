"""How a student is asked: the words of a prompt, the sampling of an answer, and the chat template that joins them."""
