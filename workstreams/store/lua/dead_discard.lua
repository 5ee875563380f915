#!lua flags=allow-oom
-- dead_discard: dead letters end as discarded; each has an event.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, workstream, epoch, fresh}
-- ARGV[2…] ids
-- Returns  {state before | "gone", ...}, one for each id; only "dead" ones were discarded

local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end
clock.read(call.epoch, call.fresh)
local ws = call.workstream

local verdicts = {}
for i = 2, #ARGV do
  local job = change.read(ws, ARGV[i])
  verdicts[#verdicts + 1] = job and job.state or 'gone'
  if job and job.state == 'dead' then
    redis.call('ZREM', keys.ws(ws, 'dead'), job.id)
    -- Its last error stays on record.
    jobs.keep(ws, job.id, 'discarded')
    events.of_job(ws, 'discarded', 'info', job, '{"reason":"asked for","was":"dead"}')
    events.count(ws, 'discarded')
  end
end
events.flush()
return requests.keep(call.request, verdicts)
