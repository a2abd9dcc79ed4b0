"""A small re-ranker: what readers opened and what helped them, learned as weights of a few features of the first hits.

   features.py    what is looked at in each of the first hits, from arrays that are in memory anyway
   model.py       weights: the shipped ones, those learned here, and which are in force
   training.py    pairs of hits into weights, and whether they are better than those in force
   judgements.py  what readers and agents chose, as (question, article) pairs
"""
