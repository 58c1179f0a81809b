import { registerHooks } from 'node:module';

/** `node --import hook.ts main.js`: makes `electron` mean the double, before anything asks for it. */
const double = new URL('./electron.ts', import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'electron') return { url: double, format: 'module-typescript', shortCircuit: true };
    return next(specifier, context);
  },
});
