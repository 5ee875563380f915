#!lua flags=allow-oom
-- end_session: a process is gone for certain; what it held goes back to the front.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {sid, blame, why, guilty ["workstream/id~delivery"...], tails {"workstream/id~delivery":
--          [line...]}, epoch, fresh}; without blame no delivery is counted, with somebody guilty only theirs.
--          A job that is dead by this keeps its tail: the last lines that it and its process wrote
-- Returns  {how many were taken back, 1 if that was all}

local call = cjson.decode(ARGV[1])
clock.read(call.epoch, call.fresh)
local taken, all = recover.session(call.sid, call.blame, call.why, call.guilty, false, call.tails)
release.wake({})
events.flush()
return {taken, all and 1 or 0}
