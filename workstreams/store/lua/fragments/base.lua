-- Names of keys (the table in keys.py says what each holds) and small helpers.
-- KEYS[1] is the shard's clock, so every key built here carries its hash tag.
--
-- Each fragment is one table: Lua allows sixty upvalues in a function, and two hundred locals in all
-- fragments together.
local keys = {root = '', clock = ''}

-- Names that are used again and again are put together once: they cost as much as half a short command.
local MOST, made, count = 1000, {}, 0

calls.begin_with(function(KEYS)
  keys.clock = KEYS[1]
  keys.root = keys.clock:sub(1, -6)
  if count > MOST then made, count = {}, 0 end
  keys.made = made[keys.root]
  if keys.made then return end
  keys.made = {}
  made[keys.root], count = keys.made, count + 1
end)

function keys.ws(ws, what)
  local names = keys.made[ws]
  if not names then
    names = {}
    keys.made[ws] = names
  end
  local name = names[what]
  if not name then
    name = keys.root .. 'ws:' .. ws .. ':' .. what
    names[what], count = name, count + 1
  end
  return name
end

function keys.limit(limit, what) return keys.root .. 'limit:' .. limit .. ':' .. what end
function keys.job(ws, id) return keys.ws(ws, 'job:') .. id end
function keys.ready(ws, key) return keys.ws(ws, 'ready:') .. key end
function keys.held(sid) return keys.root .. 'held:' .. sid end
function keys.session(sid) return keys.root .. 'session:' .. sid end

-- A whole number as text. Lua itself writes a large one with an exponent, and any of them slowly, so
-- small ones (attempts, deliveries) are kept as they were written.
local SMALL, written = 1000, {}

local function digits(n)
  local known = written[n]
  if known then return known end
  known = string.format('%d', n)
  if n >= 0 and n < SMALL then written[n] = known end
  return known
end

-- A member proves one delivery of one job: id~delivery. The id may hold a tilde.
function keys.member(id, delivery) return id .. '~' .. delivery end
