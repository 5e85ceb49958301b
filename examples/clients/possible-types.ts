import { buildSchema, isAbstractType } from 'graphql';

/** For Apollo's cache: which types stand behind each interface and union. Run it when you build, on our `schema.graphql`. */
export function possibleTypesOf(sdl: string): Record<string, string[]> {
  const schema = buildSchema(sdl);
  const abstract = Object.values(schema.getTypeMap()).filter(isAbstractType);
  return Object.fromEntries(abstract.map((type) => [type.name, schema.getPossibleTypes(type).map(({ name }) => name)]));
}
