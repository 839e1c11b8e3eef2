"""What a language model may do in a call: its tools, offered as functions and carried out."""
