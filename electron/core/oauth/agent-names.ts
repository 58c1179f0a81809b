import type { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';

/** What the person calls an agent, in place of the name that it claims or was made with. */
export interface AgentNames {
  of(agent: string): string | undefined;
  set(agent: string, name: string): void;
  /** Forgets names of agents that hold nothing any more. */
  sweep(): void;
}

const rows = z.array(z.object({ agent: z.string(), name: z.string() }));

/** Makes them over an open database. */
export function createAgentNames(database: DatabaseSync): AgentNames {
  const upsert = database.prepare(
    'INSERT INTO agent_name(agent, name) VALUES (?, ?) ON CONFLICT(agent) DO UPDATE SET name = excluded.name',
  );
  const clean = database.prepare(
    `DELETE FROM agent_name WHERE agent NOT IN (SELECT agent FROM access_grant)
       AND agent NOT IN (SELECT 'token:' || id FROM token)`,
  );
  const read = () =>
    new Map(
      rows.parse(database.prepare('SELECT agent, name FROM agent_name').all()).map((row) => [row.agent, row.name]),
    );
  let names = read();
  return {
    of: (agent) => names.get(agent),
    set(agent, name) {
      upsert.run(agent, name);
      names.set(agent, name);
    },
    sweep() {
      if (Number(clean.run().changes) > 0) names = read();
    },
  };
}
