#!lua flags=allow-oom
-- job_cancel: jobs that wait end as cancelled; the processes of those that run are told to stop them.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, workstream, epoch, fresh}
-- ARGV[2…] ids
-- Returns  {state before | "gone", ...}, one for each id; "running" has been asked to stop
--
-- A running job is marked with its delivery: should its process be gone before it stops, or the
-- job fail over the interrupt, it ends as cancelled all the same. One that hears nothing, in a call
-- into C for one, is past its hard bound after STOPS_IN, and its process is ended for it.

local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end
clock.read(call.epoch, call.fresh)
local ws = call.workstream

local STOPS_IN = 10000000

local function ask_to_stop(job)
  redis.call('HSET', keys.job(ws, job.id), 'cancel', job.deliveries)
  if job.cancel ~= job.deliveries then events.of_job(ws, 'cancelling', 'info', job) end
  local sid, lease = (job.session or ''):match('^%S*'), ws .. '/' .. keys.member(job.id, job.deliveries)
  -- Never later: asked again, it has no more time than at first.
  redis.call('ZADD', keys.held(sid), 'XX', 'LT', digits(clock.now + STOPS_IN), lease)
  -- Said again to whoever asks again: the first word may have been lost.
  wake.tell(sid, lease .. ' cancel')
end

local function cancel(job)
  if job.state == 'running' then
    ask_to_stop(job)
  elseif job.state == 'waiting' or job.state == 'scheduled' then
    redis.call('ZREM', keys.ws(ws, 'scheduled'), job.id)
    local first = change.unready(ws, job.id, job.key or '')
    jobs.cancel(ws, job, '{"reason":"asked for while it waited"}')
    if job.awaited then jobs.tell_ended(job.id, 'cancelled') end
    if first then change.look_again(ws) end
  end
end

local verdicts = {}
for i = 2, #ARGV do
  local job = change.read(ws, ARGV[i])
  verdicts[#verdicts + 1] = job and job.state or 'gone'
  if job then cancel(job) end
end
events.flush()
return requests.keep(call.request, verdicts)
