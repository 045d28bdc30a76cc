-- How an alert ended, as a doctor says: beside the step that closed it.
ALTER TABLE alert_event ADD COLUMN outcome TEXT;
