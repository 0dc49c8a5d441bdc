"""Data sets as they are published and as people have them: what is a clip, a scene, a fold?"""
