-- Compares the leases of a session with what its process says that it runs. They part when Redis
-- forgets its last moments: a failover, or a power loss between two writes of its log.
local reconcile = {}

local function put_back(ws, member)
  local id = member:match('^(.*)~%d+$')
  local job = redis.call('HMGET', keys.job(ws, id), 'took', 'actor', 'attempt', 'key', 'state')
  release.slot(ws, member, job[1], job[4] or '')
  if job[5] ~= 'running' then return end
  release.put_back(ws, id)
  events.of_job(ws, 'handed_back', 'warning', {id = id, actor = job[2], attempt = tonumber(job[3] or 0) + 1,
    key = job[4] or ''}, '{"reason":"Redis had forgotten its end"}')
end

-- held: what the process runs, after the ends of this call. A lease that it knows nothing of goes
-- back. Returns what it runs without a lease.
function reconcile.with(sid, held)
  local mine, set = {}, keys.held(sid)
  for _, entry in ipairs(held) do mine[entry] = true end
  for _, entry in ipairs(redis.call('ZRANGE', set, 0, -1)) do
    if not mine[entry] then
      batch.zrem(set, entry)
      put_back(entry:match('^([^/]*)/(.*)$'))
    end
    mine[entry] = nil
  end
  batch.flush()
  ready.flush()
  local gone = {}
  for entry in pairs(mine) do gone[#gone + 1] = entry end
  return gone
end
