import { setImmediate } from 'node:timers/promises';
import type { JsonObject } from '../../shared/json-tree.ts';
import { skeleton } from './look-alike.ts';
import { pinOf } from './pins.ts';
import { natureOf } from './tool-nature.ts';

/** How long the event loop is held at a stretch, in milliseconds (`security.md` S14). */
const sliceMs = 5;

/**
 * Pins and judges definitions ahead, a few at a time, so that a list of thousands does not hold up everybody else's calls:
 * who asks for a pin or a class afterwards finds it.
 */
export async function prepareDefinitions(definitions: readonly JsonObject[]): Promise<void> {
  let began = performance.now();
  for (const definition of definitions) {
    pinOf(definition);
    natureOf(definition);
    const name = definition.get('name');
    if (typeof name === 'string') skeleton(name);
    if (performance.now() - began < sliceMs) continue;
    await setImmediate();
    began = performance.now();
  }
}
