"""What the facts mean: the fold, posting rules, the journal, and views over it. Derived and disposable."""
