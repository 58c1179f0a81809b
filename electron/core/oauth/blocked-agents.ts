import type { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';

/** Agents that a person never wants to be asked by again. */
export interface BlockedAgents {
  has(agent: string): boolean;
  all(): { id: string; name: string }[];
  add(agent: string, name: string, at: number): void;
  /** @returns whether it was blocked */
  remove(agent: string): boolean;
}

const rows = z.array(z.object({ id: z.string(), name: z.string() }));

/** Makes it over an open database. */
export function createBlockedAgents(database: DatabaseSync): BlockedAgents {
  const has = database.prepare('SELECT 1 FROM blocked_agent WHERE agent = ?');
  const add = database.prepare('INSERT OR REPLACE INTO blocked_agent(agent, name, at) VALUES (?, ?, ?)');
  const remove = database.prepare('DELETE FROM blocked_agent WHERE agent = ?');
  return {
    has: (agent) => has.get(agent) !== undefined,
    all: () => rows.parse(database.prepare('SELECT agent AS id, name FROM blocked_agent ORDER BY at').all()),
    add: (agent, name, at) => void add.run(agent, name, at),
    remove: (agent) => Number(remove.run(agent).changes) > 0,
  };
}
