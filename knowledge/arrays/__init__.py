"""The ranking half of the embedded engine: for each segment that the store commits, one file of arrays to score with.

    rows.py        a document as rows: its passages, the whole, title, questions, and asked words
    builder.py     rows of many documents into arrays
    segment.py     one file of arrays: written once, mapped into memory, shared by processes
    joining.py     several segments into one; impacts anew when the average lengths have drifted
    masks.py       which documents somebody may read and wants, as booleans
    scorer.py      BM25 of one segment
    generation.py  all segments of one moment: a query in, the best documents out

A row is what BM25 scores; a term's rows stand together in one list, with the term's part of BM25 (its impact) computed
beforehand. Terms are known by 64 bits of their BLAKE2 sum: two of a million terms share one once in 37 million indexes.
"""
