import { createHash } from 'node:crypto';
import type { Call } from '../../shared/call.ts';
import { canonicalJson, type JsonNode, JsonObject } from '../../shared/json-tree.ts';

/** What makes two calls the same call (`security.md` S13). */
export interface DigestInput {
  readonly method: string;
  readonly name?: string | undefined;
  readonly arguments?: JsonNode | undefined;
  readonly inputResponses?: JsonNode | undefined;
  readonly pin?: string | undefined;
  readonly agent: string;
  readonly server: string;
}

/**
 * SHA-256 over the canonical JSON of method, name, arguments, inputResponses, pin, agent and server; absent members are
 * left out, so that `arguments: null` and no arguments differ. @returns `sha256:<hex>`
 */
export function callDigest(input: DigestInput): Call['digest'] {
  const members: [string, JsonNode][] = [];
  for (const name of ['agent', 'arguments', 'inputResponses', 'method', 'name', 'pin', 'server'] as const) {
    const value = input[name];
    if (value !== undefined) members.push([name, value]);
  }
  return `sha256:${createHash('sha256')
    .update(canonicalJson(new JsonObject(members)), 'utf8')
    .digest('hex')}`;
}
