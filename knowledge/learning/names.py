"""The features of a hit, in the order of their columns. All are shares, so that weights mean the same everywhere."""

NAMES = (
    "score",  # the ranking's own score, as a share of the best hit's
    "passage",  # its parts, as shares of what the whole question could weigh
    "whole",
    "title",
    "question",
    "asked",
    "coverage",  # how much of the question's weight stands in passage, title or questions
    "title_held",  # … in the title alone
    "passage_held",  # … in the passage alone
    "title_used",  # how much of the title the question names
    "passages",  # length of the article, as logarithm of its passages
)
