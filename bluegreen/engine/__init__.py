"""The verbs of a deployment, and how they relate.

    planning     what the operator asked for -> a plan (domain.promotion, domain.rollback)
    deployment   opens a run of that plan under the lease, continues one, or follows another process's
    executor     carries the plan out stage by stage: `started` is journalled before a step, `done` after it
    steps        a handler a kind of step; each looks first and changes only what is missing
    watch        the step that judges: measures green and blue, and asks the judge until it decides
    outcome      ends the run: released, rolled back, halted or interrupted
    rolling_back puts a rollback in force where the outcome, or an operator, asks for one

`Deployer` is what the commands call: it takes the lease, opens a `Run` and hands it to `outcome`. The
run carries what every handler needs, and three things that guard it:

    recorder     the only writer of its journal; an entry counts once it is durable
    heartbeat    renews the lease, pushes the watchdog forward and hears requests to stop; whoever waits
                 waits by it (`ports.wait` over `heartbeat.wait`), so a run that hangs loses the lease
    fence        asked before every change in AWS; closed for a run whose lease is not fresh (`ports.fence`)

`status` and `checks` only look: where the traffic is, and whether a release may start.
"""
