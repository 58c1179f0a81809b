/**
 * Makes an object throw where a property is read that it does not have. The double implements what the app uses; a new
 * use must fail loudly, not answer `undefined` (a lock that is never set would look like a lock).
 */
export function strict<T extends object>(name: string, target: T): T {
  return new Proxy(target, {
    get(object, property, receiver) {
      if (typeof property === 'string' && !(property in object) && !silent.has(property)) {
        throw new Error(`${name}.${property} is not in the double.`);
      }
      return Reflect.get(object, property, receiver);
    },
  });
}

/** What promises, inspectors and serializers ask any object for. */
const silent: ReadonlySet<string> = new Set([
  'then',
  'toJSON',
  'inspect',
  'constructor',
  'asymmetricMatch',
  'nodeType',
]);
