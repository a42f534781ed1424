-- A practice with patients, visits and bills: keys of every kind, cycles, generated columns.
CREATE TABLE practitioners (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  licence TEXT NOT NULL UNIQUE COLLATE NOCASE, -- as printed on the certificate
  full_name TEXT NOT NULL,
  deputy_id INTEGER REFERENCES practitioners (id) ON DELETE SET NULL, -- stands in on holidays
  head_of INTEGER REFERENCES wards (id) DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE wards (
  id INTEGER PRIMARY KEY,
  name VARCHAR(80) NOT NULL DEFAULT 'unnamed',
  beds SMALLINT NOT NULL DEFAULT 0 CHECK (beds BETWEEN 0 AND 400),
  chief_id INT NOT NULL,
  CONSTRAINT chief FOREIGN KEY (chief_id) REFERENCES practitioners (id) ON UPDATE CASCADE
);

CREATE TABLE patients (
  id INTEGER NOT NULL,
  country CHAR(2) NOT NULL DEFAULT 'DE',
  insurance_no TEXT,
  born DATE NOT NULL,
  weight_kg DECIMAL(5, 2),
  height_cm DECIMAL(5, 1),
  bmi REAL GENERATED ALWAYS AS (weight_kg / ((height_cm / 100.0) * (height_cm / 100.0))) VIRTUAL,
  "year of birth" INTEGER AS (CAST(strftime('%Y', born) AS INTEGER)) STORED,
  created DATETIME DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT pk_patients PRIMARY KEY (country, id),
  CONSTRAINT insured UNIQUE (insurance_no, country) ON CONFLICT IGNORE,
  CHECK (insurance_no IS NULL OR length(insurance_no) = 10) -- the new numbers only
) WITHOUT ROWID;

CREATE TABLE visits (
  id INTEGER PRIMARY KEY,
  country CHAR(2) NOT NULL, patient INTEGER NOT NULL,
  practitioner INTEGER REFERENCES practitioners,
  begun TEXT NOT NULL DEFAULT (datetime('now')),
  ended TEXT CHECK (ended IS NULL OR ended >= begun),
  state TEXT NOT NULL DEFAULT "open" CHECK (state IN ('open', 'done', 'no-show')),
  notes BLOB,
  FOREIGN KEY (country, patient) REFERENCES patients (country, id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE visit_codes (
  visit INTEGER NOT NULL REFERENCES visits ON DELETE CASCADE,
  code TEXT NOT NULL,
  weight REAL NOT NULL DEFAULT 1.0,
  PRIMARY KEY (visit, code COLLATE NOCASE DESC)
) STRICT, WITHOUT ROWID;

CREATE INDEX visits_by_day ON visits (date(begun), practitioner) WHERE state <> 'no-show';
CREATE UNIQUE INDEX one_open_visit ON visits (country, patient) WHERE ended IS NULL;
CREATE INDEX patients_born ON patients (born DESC, "year of birth");

CREATE VIEW open_visits (visit, patient, waiting) AS
  SELECT v.id, p.insurance_no, (julianday('now') - julianday(v.begun)) * 24 AS hours
  FROM visits AS v JOIN patients p ON p.country = v.country AND p.id = v.patient
  WHERE v.state = 'open';

CREATE TRIGGER visits_end AFTER UPDATE OF state ON visits WHEN NEW.state = 'done' AND NEW.ended IS NULL
BEGIN
  UPDATE visits SET ended = CASE WHEN NEW.begun > datetime('now') THEN NEW.begun ELSE datetime('now') END
  WHERE id = NEW.id;
END;

CREATE TRIGGER open_visits_close INSTEAD OF DELETE ON open_visits
BEGIN
  UPDATE visits SET state = 'done' WHERE id = OLD.visit;
END;
