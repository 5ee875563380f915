#!lua flags=allow-oom
-- open_session: a worker process begins; what it will run is leased to this session.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {sid, lease µs, epoch, fresh, max_deliveries, bounded, watched, worker, host, pid, pool, workstreams}
-- Returns  {epoch, now µs}

local call = cjson.decode(ARGV[1])
clock.read(call.epoch, call.fresh)
redis.call('ZADD', keys.root .. 'sessions', digits(clock.now + call.lease), call.sid)
redis.call('HSET', keys.session(call.sid), 'worker', call.worker, 'host', call.host, 'pid', call.pid,
  'pool', call.pool, 'workstreams', call.workstreams, 'started', clock.text,
  'max_deliveries', call.max_deliveries, 'bounded', call.bounded,
  'watched', call.watched)
clock.note_lease(call.lease)
return {clock.epoch, clock.text}
