-- Names of keys (the table in keys.py says what each holds) and small helpers.
-- KEYS[1] is the shard's clock, so every key built here carries its hash tag.
local ROOT = KEYS[1]:sub(1, -6)

local function ws_key(ws, what) return ROOT .. 'ws:' .. ws .. ':' .. what end
local function limit_key(limit, what) return ROOT .. 'limit:' .. limit .. ':' .. what end
local function job_key(ws, id) return ROOT .. 'ws:' .. ws .. ':job:' .. id end
local function ready_key(ws, key) return ROOT .. 'ws:' .. ws .. ':ready:' .. key end
local function held_key(sid) return ROOT .. 'held:' .. sid end

-- Lua writes a large double with an exponent; µs since 1970 must stay digits.
local function digits(n) return string.format('%.0f', n) end

-- A member proves one delivery of one job: id~delivery. The id may hold a tilde.
local function member_of(id, delivery) return id .. '~' .. delivery end
local function parts_of(member) return member:match('^(.*)~(%d+)$') end
