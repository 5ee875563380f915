-- What a finish sends: the next step, callbacks, and what follows a group's last job.
local follow = {}

function follow.send(list)
  if not list then return end
  for _, n in ipairs(list) do
    if jobs.put(n.w, n.i, n.k, n.shift, n.cost, n.due, n.actor, n.body, n.opts) then release.freed[n.w] = true end
  end
end

-- One member of a group is done, and counts once however often it is run. The last one's finish
-- sends what follows the group. The count stays at 0 until it expires, so that nothing reaches the
-- end twice; one that expired before counts as reached, as with Dramatiq's: better than never.
function follow.group(group, record)
  if redis.call('HSETNX', record, 'counted', group.key) == 0 then return end
  local counter = keys.root .. 'counter:' .. group.key
  local left = tonumber(redis.call('GET', counter) or 1)
  if left < 1 then return end
  redis.call('SET', counter, digits(left - 1), 'PX', digits(group.ttl))
  if left == 1 then follow.send(group.next) end
end
