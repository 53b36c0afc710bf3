// The lab of the suite that started this run.
const { SAFETY_LAB: name } = process.env;

export default name === undefined ? {} : { lab: { name } };
