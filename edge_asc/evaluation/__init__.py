"""What a model is worth on clips it was not trained on, and how far it can be believed."""
