"""Every key in Redis is born here.

All keys of an app carry the hash tag ``{app}``, or ``{app:shard}`` for a workstream that
declares a shard, so that one script may touch everything it needs on a Cluster. Lua
scripts are given the shard's *root* and append the same words; ``lua/fragments/base.lua``
repeats this table and a test holds the two together.

=====================  ======  ==========================================================
key                    type    meaning
=====================  ======  ==========================================================
clock                  hash    ``mark`` latest µs seen, ``epoch`` of this data set, ``lost``
                               µs at which an older epoch was missed, ``back`` µs at which
                               somebody was heard of after a pause, ``lease`` the longest,
                               ``tidied`` µs of the last look for what is kept no longer,
                               ``by`` the library that wrote the mark, ``guests`` µs until which one may wait
                               for a slot, ``offset`` of tests
sessions               zset    session → expiry µs
session:<sid>          hash    who it is: worker, host, pid, pool, started, each courier's last answer
session:guest:<p>.<n>  hash    who holds slots outside of a job: worker, limit, started, workstream
                               and took, whose slots these are; <p> names its process
held:<sid>             zset    ``id~delivery`` of the jobs it runs → hard deadline µs
request:<id>           string  the reply to a mutating call, kept for its re-sends
workstreams            set     names of the workstreams ever published here
actors                 hash    actor → JSON: ``w`` where its jobs wait, how (``shift``, ``cost``, ``opts``),
                               its ``max_retries``, ``on_dead`` to whom its deaths are told, and
                               ``key_arg`` and ``key_at``, the argument that is its jobs' key
log                    stream  events of no workstream (workers); those of one call are one entry
ws:<n>:settings        hash    what the file declares, with ``version``
ws:<n>:overrides       hash    what an operator changed live
ws:<n>:job:<id>        hash    the job record
ws:<n>:keys            zset    keys with ready jobs → virtual time
ws:<n>:held            zset    keys whose own limits hold them → µs at which they may start, or inf
ws:<n>:idle            zset    keys without ready jobs, or held → virtual time, until the clock passes it
ws:<n>:ready:<key>     zset    ready jobs of one key → arrival µs shifted by priority
ws:<n>:meter:<w>:<k>   string  what a rate of one key admitted
ws:<n>:holders:<key>   zset    ``id~delivery`` holding a slot of one key → start µs
ws:<n>:key_overrides   hash    key → JSON: the rates and concurrency that an operator gave it
ws:<n>:shut_keys       zset    keys that an upstream refused → µs until which they are shut
ws:<n>:paused_keys     hash    keys that an operator paused → µs until which they were held already
ws:<n>:waiting         string  how many jobs are ready, over all keys
ws:<n>:scheduled       zset    job → due µs
ws:<n>:running         zset    ``id~delivery`` → start µs
ws:<n>:guests          zset    those of ``running`` that are guests, no jobs → start µs
ws:<n>:done            zset    finished jobs → end µs
ws:<n>:dead            zset    dead letters → end µs
ws:<n>:gate            hash    ``until``, ``why``, ``limit`` while shut; ``owner``, ``at``,
                               ``deputy`` of its timer
ws:<n>:sleepers        zset    session → µs since when it sleeps with threads to spare
ws:<n>:count           hash    totals since the beginning
ws:<n>:minute:<m>      hash    the same totals for one minute since 1970
ws:<n>:log             stream  events, those of one call as one entry, and lines that jobs wrote
ws:<n>:lines:<id>      list    ids in that stream of the lines one job wrote
ws:<n>:result:<id>     string  the result, as Dramatiq's Results wraps it
limit:<n>:settings     hash    what the file declares of a limit, with ``version``
limit:<n>:overrides    hash    what an operator changed live
limit:<n>:meter:<w>    string  what a rate admitted (``rate.lua`` says how it is written); ``w``
                               is its window in µs
limit:<n>:rate         hash    ``from`` µs at which it was first declared
limit:<n>:holders      zset    ``id~delivery`` holding a slot of a shared limit → start µs
counter:<k>            string  numbers of Dramatiq's rate limiters and barriers
limit:<n>:queue        zset    guests that wait for a slot of it → µs since when
limit:<n>:waiters      set     workstreams refused by this limit since it last opened
schedule:<n>           hash    ``when`` in the words of its ``version``, ``mark`` up to which every
                               tick is decided, ``tick``, ``fired``, ``paused``, ``resumed``
schedule:<n>:jobs      list    ``workstream/id`` of the jobs it sent last, newest first
=====================  ======  ==========================================================

Workstreams and shared limits are one namespace, so ``limit:<n>`` serves both.
"""

from __future__ import annotations

import dataclasses

__all__ = ["GUEST", "Keys", "wake_channel"]

#: What the sessions of those begin with that hold slots outside of a job.
GUEST = b"guest:"


@dataclasses.dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one app, or of one of its shards.

    Attributes:
      app: The namespace.
      shard: The shard's name, or None for the app's own.
    """

    app: str
    shard: str | None = None

    @property
    def root(self) -> str:
        """What every key of this shard begins with, hash tag included."""
        return "{%s:%s}:" % (self.app, self.shard) if self.shard else "{%s}:" % self.app

    @property
    def clock(self) -> str:
        return self.root + "clock"

    @property
    def sessions(self) -> str:
        return self.root + "sessions"

    @property
    def workstreams(self) -> str:
        return self.root + "workstreams"

    @property
    def log(self) -> str:
        return self.root + "log"

    @property
    def actors(self) -> str:
        return self.root + "actors"

    def session(self, sid: str) -> str:
        return f"{self.root}session:{sid}"

    def held(self, sid: str) -> str:
        return f"{self.root}held:{sid}"

    def workstream(self, name: str, *words: str) -> str:
        """A key of one workstream: ``keys.workstream("mail", "job", id)``."""
        return ":".join((f"{self.root}ws:{name}", *words))

    def limit(self, name: str, *words: str) -> str:
        """A key of one limit: ``keys.limit("twilio", "log", "0")``."""
        return ":".join((f"{self.root}limit:{name}", *words))


def wake_channel(root: str, sid: str) -> str:
    """The channel on which one session is woken; ``all`` reaches every session."""
    return f"{root}wake:{sid}"
