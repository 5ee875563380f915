-- Every gate of a workstream, of a shared limit or of one key, in one answer: whether a job of some cost may
-- start now, or why not, which limit says so, and when to ask again. A room is what limits leave now;
-- whoever starts spends it, and what was spent is written by rate.flush.
local gate = {}

-- room: {slots, by, turn, shut, shut_by, meters}, where nothing starts before `shut`, and one slot of `by` is kept for
-- somebody else until `turn` (nil: none is).
local function add(room, limit)
  if limit.paused then room.paused = room.paused or limit.name end
  if limit.shut_until > room.shut then room.shut, room.shut_by = limit.shut_until, limit.name end
  if limit.concurrency and room.slots > 0 then
    local slots = limit.concurrency - redis.call('ZCARD', limit.holders)
    local turn = slots > 0 and limit.turn and limit.turn > clock.now and limit.turn or nil
    if turn then slots = slots - 1 end
    if slots < room.slots then room.slots, room.by, room.turn = slots, limit.name, turn end
  end
  if limit.ease then ease.pace(limit) end
  for i = 1, #limit.rates do
    local r = limit.rates[i]
    room.meters[#room.meters + 1] = {limit = limit.name, r = r, m = rate.meter(limit, r)}
  end
end

local function new() return {slots = math.huge, shut = 0, meters = {}} end

-- names: the limits that all have to let it in.
function gate.of(names)
  local room = new()
  for _, name in ipairs(names) do add(room, settings.limit(name)) end
  return room
end

-- Whether a limit holds here; one of a job that started earlier may not any longer.
function gate.is_within(ws, limit)
  for _, name in ipairs((settings.of(ws) or {}).limits or {}) do
    if name == limit then return true end
  end
  return false
end

-- What a workstream has room for.
function gate.of_workstream(ws)
  local set = settings.of(ws)
  if set.paused then return {paused = ws} end
  return gate.of(set.limits)
end

-- What one key has room for; nil where keys have no limits.
function gate.of_key(ws, key)
  local limit = settings.key(ws, key)
  if not limit then return nil end
  local room = new()
  add(room, limit)
  return room
end

-- For a job that may not start: why ('paused' | 'concurrency' | 'rate'), by (the limit), at (µs, or nil).
function gate.refuses(room, cost)
  if room.paused then return 'paused', room.paused, nil end
  if room.slots < 1 then return 'concurrency', room.by, room.turn end
  local by, at, all, meters = nil, nil, type(cost) == 'number' and cost, room.meters
  if room.shut > clock.now then by, at = room.shut_by, room.shut end
  for i = 1, #meters do
    local e = meters[i]
    local opens = not e.r.idle and rate.opens(e.m, e.r, all or costs.on(cost, e.limit))
    -- While nothing changes, the earliest start under all rates is the latest of theirs.
    if opens and (at == nil or opens > at) then by, at = e.limit, opens end
  end
  if at then return 'rate', by, at end
end

function gate.spend(room, cost)
  local all, meters = type(cost) == 'number' and cost, room.meters
  room.slots = room.slots - 1
  for i = 1, #meters do rate.charge(meters[i].m, meters[i].r, all or costs.on(cost, meters[i].limit)) end
end
