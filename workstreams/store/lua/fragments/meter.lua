-- What a rate admitted is its meter, one string: "sum tat at spent cell last cost base newest|after:cost after:cost …".
-- The log is the oldest first, without the latest entry, which is `last` and `cost`: each entry says how many µs it
-- comes after the one before it, the first after `base`, and what it cost if that is not 1; `newest` is when the last
-- of them was. Reading never writes.
local meters = {}

-- A window of many permits is kept in cells: a cell counts whole until its latest start has left,
-- which loses at most half a percent and bounds the log.
local EXACT, CELLS = 200, 200

local HEAD = '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)|(.*)$'
meters.ENTRY = '^(%d+):?(%S*) ?'

-- Cuts what has left the window. `stays`: nothing else leaves before.
function meters.cut(m, span)
  local horizon, find = clock.now - span, string.find
  if horizon < m.stays then return end
  while true do
    local _, last, after, cost = find(m.log, meters.ENTRY, m.from)
    if not last then break end
    local at = m.base + after
    if at > horizon then
      m.stays = at
      return
    end
    m.sum, m.from, m.base = m.sum - (tonumber(cost) or 1), last + 1, at
  end
  m.sum, m.stays = m.cost, m.last
  if m.last <= horizon then m.sum, m.last, m.stays = 0, 0, 0 end
end

function meters.read(key)
  local m = {key = key, sum = 0, tat = 0, at = 0, spent = 0, cell = 0, last = 0, cost = 0, base = 0, newest = 0, log = '',
    from = 1, added = 0, stays = 0}
  local text = redis.call('GET', key)
  if text then
    local sum, tat, at, spent, cell, last, cost, base, newest, log = text:match(HEAD)
    if not sum then error('expected a meter in ' .. key .. ', found something else: delete that key') end
    m.sum, m.tat, m.at, m.spent, m.cell = tonumber(sum), tonumber(tat), tonumber(at), tonumber(spent), tonumber(cell)
    m.last, m.cost, m.base, m.newest, m.log = tonumber(last), tonumber(cost), tonumber(base), tonumber(newest), log
  end
  return m
end

-- Puts the latest entry into the log.
local function put_down(m)
  if m.log == '' then m.base, m.newest = m.last, m.last end
  local entry = digits(m.last - m.newest)
  if m.cost ~= 1 then entry = entry .. ':' .. string.format('%.14g', m.cost) end
  m.log, m.newest = m.log == '' and entry or m.log .. ' ' .. entry, m.last
end

local WRITTEN = '%.14g %d %d %.14g %d %d %.14g %d %d|'

function meters.write(m)
  local r = m.rate
  if m.from > 1 then m.log, m.from = m.log:sub(m.from), 1 end
  local cell = r.permits > EXACT and math.floor(clock.now / (r.span / CELLS)) or 0
  if m.last > 0 and (m.last == clock.now or (cell > 0 and cell == m.cell)) then
    m.cost = m.cost + m.added
  else
    if m.last > 0 then put_down(m) end
    m.cost = m.added
  end
  m.last, m.cell, m.added = clock.now, cell, 0
  redis.call('SET', m.key, string.format(WRITTEN, m.sum, m.tat, m.at, m.spent, cell, m.last, m.cost, m.base, m.newest) .. m.log,
    'PX', r.lives)
end
