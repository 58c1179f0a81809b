import { randomUUID } from 'node:crypto';
import type { AgentRef, Call, ProtocolVersion } from '../../shared/call.ts';
import { type Clock, timestamp } from '../../shared/clock.ts';
import type { ServerFeature } from '../../shared/features.ts';
import type { JsonNode } from '../../shared/json-tree.ts';
import type { AgentSessions } from './agent-sessions.ts';
import { callDigest } from './call-digest.ts';

/** What a request asks for, as far as judging it goes. */
export interface Subject {
  readonly name?: string | undefined;
  readonly arguments?: JsonNode | undefined;
  readonly inputResponses?: JsonNode | undefined;
  readonly pin?: string | undefined;
  /** What the person ticked that this belongs to, where it is no tool. */
  readonly feature?: ServerFeature | undefined;
}

/** Who asks whom, how. */
export interface Asking {
  readonly agent: AgentRef;
  readonly server: string;
  readonly method: string;
  readonly era: ProtocolVersion;
  readonly bytesIn: number;
  readonly deadline?: number | undefined;
}

/** The one place where a {@link Call} is made: an agent's request, or a server's question to an agent. */
export function callOf(
  asking: Asking,
  subject: Subject,
  deps: { readonly clock: Clock; readonly agentSessions: AgentSessions },
): Call {
  const { agent, server, method, era, bytesIn, deadline } = asking;
  const { name, inputResponses, pin, feature } = subject;
  return Object.freeze({
    id: randomUUID(),
    at: timestamp(deps.clock),
    agent,
    agentSession: deps.agentSessions.of(agent.id),
    server,
    method,
    digest: callDigest({ method, agent: agent.id, server, ...subject }),
    era,
    bytesIn,
    ...(deadline === undefined ? {} : { deadline }),
    ...(name === undefined ? {} : { name }),
    ...(subject.arguments === undefined ? {} : { arguments: subject.arguments }),
    ...(inputResponses === undefined ? {} : { inputResponses }),
    ...(pin === undefined ? {} : { pin }),
    ...(feature === undefined ? {} : { feature }),
  });
}
