"""Storyboards as people and models write them."""
