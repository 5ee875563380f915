-- Names of keys (the table in keys.py says what each holds) and small helpers.
-- KEYS[1] is the shard's clock, so every key built here carries its hash tag.
--
-- Each fragment is one table: Lua allows sixty upvalues in a function, and two hundred locals in all
-- fragments together.
local keys = {root = '', clock = ''}

calls.begin_with(function(KEYS)
  keys.clock = KEYS[1]
  keys.root = keys.clock:sub(1, -6)
end)

function keys.ws(ws, what) return keys.root .. 'ws:' .. ws .. ':' .. what end
function keys.limit(limit, what) return keys.root .. 'limit:' .. limit .. ':' .. what end
function keys.job(ws, id) return keys.root .. 'ws:' .. ws .. ':job:' .. id end
function keys.ready(ws, key) return keys.root .. 'ws:' .. ws .. ':ready:' .. key end
function keys.held(sid) return keys.root .. 'held:' .. sid end
function keys.session(sid) return keys.root .. 'session:' .. sid end

-- A whole number as text. Lua itself writes a large one with an exponent, and any of them slowly.
local function digits(n) return string.format('%d', n) end

-- A member proves one delivery of one job: id~delivery. The id may hold a tilde.
function keys.member(id, delivery) return id .. '~' .. delivery end
