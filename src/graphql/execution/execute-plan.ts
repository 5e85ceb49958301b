import {
  defaultTypeResolver,
  type ExecutionResult,
  type GraphQLAbstractType,
  GraphQLError,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  getArgumentValues,
  getVariableValues,
  isObjectType,
  locatedError,
  OperationTypeNode,
  responsePathAsArray,
  TypeNameMetaFieldDef,
} from 'graphql';
import { type FieldPlan, type Plan, type Shape, subfieldsOf } from './plan.ts';

export type MaybePromise<T> = T | Promise<T>;
type Path = GraphQLResolveInfo['path'];

/** Errors of one request's variables at the most, as graphql-js counts them. */
const VARIABLE_ERRORS_MAX = 50;

/** One execution. */
type Run = {
  plan: Plan;
  rootValue: unknown;
  contextValue: unknown;
  variableValues: Record<string, unknown>;
  errors: GraphQLError[];
  /** Where a value became null because of an error; undefined stands for the whole response. */
  nulled: Set<Path | undefined>;
};

/** Where in the response a value goes, and of which field it is. */
type Place = { field: FieldPlan; info: GraphQLResolveInfo; path: Path };

type Results = Record<string, unknown>;

/**
 * Executes a planned operation: the same results, errors and order of events as `execute` of graphql-js (GraphQL specification,
 * chapter 6), of which it keeps everything that depends on values and leaves out what the plan knows already.
 */
export function executePlan(
  plan: Plan,
  input: {
    rootValue?: unknown;
    contextValue?: unknown;
    variableValues?: Readonly<Results> | null | undefined;
    coercedValues?: Results | undefined;
  },
): MaybePromise<ExecutionResult> {
  const variables = input.coercedValues ? { coerced: input.coercedValues } : coerce(plan, input.variableValues);
  if (!variables.coerced) return { errors: variables.errors };
  const { rootValue, contextValue } = input;
  const run: Run = {
    plan,
    rootValue,
    contextValue,
    variableValues: variables.coerced,
    errors: [],
    nulled: new Set(),
  };
  try {
    const data =
      plan.operation.operation === OperationTypeNode.MUTATION
        ? executeSerially(run)
        : executeFields(run, plan.rootFields, rootValue, undefined);
    if (!isPromise(data)) return responseOf(run, data);
    return data.then(
      (resolved) => responseOf(run, resolved),
      (error) => failureOf(run, error),
    );
  } catch (error) {
    return failureOf(run, error);
  }
}

function coerce({ schema, operation }: Plan, values: Readonly<Results> | null | undefined) {
  const definitions = operation.variableDefinitions ?? [];
  return getVariableValues(schema, definitions, values ?? {}, { maxErrors: VARIABLE_ERRORS_MAX });
}

/** Executes fields side by side. Throws, or rejects, when one that may not be null failed. */
function executeFields(
  run: Run,
  fields: readonly FieldPlan[],
  source: unknown,
  path: Path | undefined,
): MaybePromise<Results> {
  const results: Results = {};
  const names: string[] = [];
  const promises: Promise<unknown>[] = [];
  try {
    for (const field of fields) {
      const value = executeField(run, field, source, path);
      results[field.responseName] = value; // Also a promise: it keeps the place of its value.
      if (!isPromise(value)) continue;
      names.push(field.responseName);
      promises.push(value);
    }
  } catch (error) {
    if (promises.length === 0) throw error;
    // The others may reject as well, and somebody has to hear it.
    return fillIn(results, names, promises).finally(() => {
      throw error;
    });
  }
  return promises.length === 0 ? results : fillIn(results, names, promises);
}

async function fillIn(results: Results, names: readonly string[], promises: Promise<unknown>[]): Promise<Results> {
  const values = await Promise.all(promises);
  for (const [index, name] of names.entries()) results[name] = values[index];
  return results;
}

/**
 * Executes the fields of a mutation one after the other. Chained as graphql-js does, and not nested: the answer to the last field
 * would go up through all that were waited for before it, and meanwhile failures below what is lost already be noted.
 */
function executeSerially(run: Run): MaybePromise<Results> {
  let results: MaybePromise<Results> = {};
  for (const field of run.plan.rootFields) {
    const known: MaybePromise<Results> = results;
    results = isPromise(known)
      ? (known as Promise<Results>).then((resolved) => executeNext(run, field, resolved))
      : executeNext(run, field, known);
  }
  return results;
}

function executeNext(run: Run, field: FieldPlan, results: Results): MaybePromise<Results> {
  const value = executeField(run, field, run.rootValue, undefined);
  if (isPromise(value)) {
    return value.then((resolved) => {
      results[field.responseName] = resolved;
      return results;
    });
  }
  results[field.responseName] = value;
  return results;
}

function executeField(run: Run, field: FieldPlan, source: unknown, parent: Path | undefined): MaybePromise<unknown> {
  const { definition, parentType, nodes } = field;
  if (definition === TypeNameMetaFieldDef) return parentType.name;
  const path: Path = { prev: parent, key: field.responseName, typename: parentType.name };
  const { plan, contextValue, variableValues, rootValue } = run;
  const { schema, fragments, operation } = plan;
  const info: GraphQLResolveInfo = {
    fieldName: definition.name,
    fieldNodes: nodes,
    returnType: definition.type,
    parentType,
    path,
    schema,
    fragments,
    rootValue,
    operation,
    variableValues,
  };
  const place: Place = { field, info, path };
  try {
    const args = definition.args.length === 0 ? {} : getArgumentValues(definition, nodes[0]!, variableValues);
    const value = field.resolve(source, args, contextValue, info);
    const completed = isPromise(value)
      ? value.then((resolved) => complete(run, place, field.shape, resolved))
      : complete(run, place, field.shape, value);
    if (!isPromise(completed)) return completed;
    return completed.then(undefined, (error) => fail(run, place, field.shape, error));
  } catch (error) {
    return fail(run, place, field.shape, error);
  }
}

/** CompleteValue of the specification (6.4.3). */
function complete(run: Run, place: Place, shape: Shape, value: unknown): MaybePromise<unknown> {
  if (value instanceof Error) throw value;
  const completed = value == null ? null : completeNonNull(run, place, shape, value);
  if (completed === null && !shape.nullable) {
    throw new Error(`Cannot return null for non-nullable field ${nameOf(place)}.`);
  }
  return completed;
}

function completeNonNull(run: Run, place: Place, shape: Shape, value: unknown): MaybePromise<unknown> {
  switch (shape.kind) {
    case 'list':
      return completeList(run, place, shape.item, value);
    case 'leaf': {
      const serialized = shape.type.serialize(value);
      if (serialized == null) throw new Error(`${shape.type} has serialized a value of ${nameOf(place)} to nothing`);
      return serialized;
    }
    case 'abstract': {
      const { type } = shape;
      const name = (type.resolveType ?? defaultTypeResolver)(value, run.contextValue, place.info, type);
      return isPromise(name)
        ? name.then((resolved) => completeObject(run, place, objectTypeOf(run, place, type, resolved), value))
        : completeObject(run, place, objectTypeOf(run, place, type, name), value);
    }
    case 'object':
      return completeObject(run, place, shape.type, value);
  }
}

function completeList(run: Run, place: Place, shape: Shape, value: unknown): MaybePromise<unknown[]> {
  if (typeof value !== 'object' || typeof (value as Partial<Iterable<unknown>>)[Symbol.iterator] !== 'function') {
    throw new GraphQLError(`Expected Iterable, but did not find one for field "${nameOf(place)}".`);
  }
  const items: unknown[] = [];
  let hasPromise = false;
  try {
    for (const item of value as Iterable<unknown>) {
      const completed = completeItem(run, place, shape, item, items.length);
      if (isPromise(completed)) hasPromise = true;
      items.push(completed);
    }
  } catch (error) {
    // The list is lost. Of items that reject later nobody would hear, and an unheard rejection ends the process.
    if (hasPromise) Promise.allSettled(items);
    throw error;
  }
  return hasPromise ? Promise.all(items) : items;
}

function completeItem(run: Run, list: Place, shape: Shape, item: unknown, index: number): MaybePromise<unknown> {
  const place: Place = { ...list, path: { prev: list.path, key: index, typename: undefined } };
  try {
    const completed = isPromise(item)
      ? item.then((resolved) => complete(run, place, shape, resolved))
      : complete(run, place, shape, item);
    if (!isPromise(completed)) return completed;
    return completed.then(undefined, (error) => fail(run, place, shape, error));
  } catch (error) {
    return fail(run, place, shape, error);
  }
}

function completeObject(run: Run, place: Place, type: GraphQLObjectType, value: unknown): MaybePromise<Results> {
  const verdict = type.isTypeOf ? type.isTypeOf(value, run.contextValue, place.info) : true;
  return isPromise(verdict)
    ? verdict.then((holds) => enterObject(run, place, type, value, holds))
    : enterObject(run, place, type, value, verdict);
}

function enterObject(
  run: Run,
  place: Place,
  type: GraphQLObjectType,
  value: unknown,
  holds: boolean,
): MaybePromise<Results> {
  if (!holds) {
    throw new GraphQLError(`Expected value of type "${type.name}" for field "${nameOf(place)}".`, {
      nodes: place.field.nodes,
    });
  }
  return executeFields(run, subfieldsOf(run.plan, place.field, type), value, place.path);
}

function objectTypeOf(run: Run, place: Place, type: GraphQLAbstractType, name: unknown): GraphQLObjectType {
  const { schema } = run.plan;
  const object = typeof name === 'string' ? schema.getType(name) : undefined;
  if (isObjectType(object) && schema.isSubType(type, object)) return object;
  throw new GraphQLError(
    `Abstract type "${type.name}" must resolve to one of its Object types at runtime for field "${nameOf(place)}".`,
    { nodes: place.field.nodes },
  );
}

function nameOf({ field }: Place): string {
  return `${field.parentType.name}.${field.definition.name}`;
}

/** An error stays where null is allowed; elsewhere it goes up. */
function fail(run: Run, { field, path }: Place, { nullable }: Shape, error: unknown): null {
  const located = locatedError(error, field.nodes, responsePathAsArray(path));
  if (!nullable) throw located;
  note(run, located, path);
  return null;
}

/** Keeps the error, unless what it is about has become null already because of another. */
function note(run: Run, error: GraphQLError, path: Path | undefined): void {
  for (let at = path; at !== undefined; at = at.prev) if (run.nulled.has(at)) return;
  if (run.nulled.has(undefined)) return;
  run.nulled.add(path);
  run.errors.push(error);
}

function responseOf({ errors }: Run, data: Results | null): ExecutionResult {
  return errors.length === 0 ? { data } : { data, errors };
}

function failureOf(run: Run, error: unknown): ExecutionResult {
  note(run, error as GraphQLError, undefined);
  return responseOf(run, null);
}

export function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
