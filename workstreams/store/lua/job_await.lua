-- job_await: somebody waits for a job's end, so that its end is published on `ended:<id>`.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {workstream, job}
-- Returns  its state | "gone"

local call = cjson.decode(ARGV[1])
local record = keys.job(call.workstream, call.job)
local seen = redis.call('HMGET', record, 'state', 'awaited')
if not seen[1] then return 'gone' end
if not seen[2] then
  redis.call('HSET', record, 'awaited', '1')
  memory.forget()
end
return seen[1]
