"""The judge: from counts of bad events on green and on concurrent blue to a verdict.

`judge.judge` is the entry and decides alone; `replay` calls it for a run, and for a journal that is read
again; `record` folds the journal for it. `evidence` holds the two likelihood ratios, `eprocess` what
accumulates them, `batches` what is compared with what, `metric_tests` the tests of each metric, `findings`
the words. `forecast` says beforehand what the traffic can show, `noise` how much two equal fleets differ.
Nothing here reads a clock, a file or a network: the same journal gives the same verdict.
"""
