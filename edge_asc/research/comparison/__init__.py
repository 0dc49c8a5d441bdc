"""Networks that answered the same clips: who is better, and is it chance?"""
